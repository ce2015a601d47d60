"""The `Queue` and `Records` ports of one process whose calls fail, are slow, or get no answer."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from shared.aws.transport import ANSWER_SECONDS
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.queue import Outgoing, Queue, QueueError, Refused
from shared.ports.records import Counted, Records, RecordsError
from shared.ports.workers import Meaning
from zigzag_testing.faults import PROCESS, Faults
from zigzag_testing.outages import UNANSWERED, Service, meaning_of, suffer

AGAIN_WITHIN_SECONDS = 30
"""Most seconds until SQS delivers a message for the second time."""

SENT_AGAIN_SECONDS = ANSWER_SECONDS["sqs"]
"""Time that a client waits for an answer before it sends its call again."""


class FaultyQueue:
    """The `Queue` port of one process, with faults.

    clock -- the sandbox's clock, not the process's own. `again`: the client repeats a call without an answer.
    service, patience_seconds -- the service's name, and how long the client waits if it is silent.
    """

    def __init__(
        self,
        queue: Queue,
        faults: Faults,
        clock: Clock,
        *,
        again: bool,
        service: Service = "queue",
        patience_seconds: float = 25.0,
    ) -> None:
        self._queue = queue
        self._faults = faults
        self._clock = clock
        self._again = again
        self._service = service
        self._patience_seconds = patience_seconds

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        async with self._call():
            if self._faults.strike("receive failed"):
                raise QueueError("ServiceUnavailable", "a fault")
            if wait_seconds == 0:
                max_messages = self._faults.fewer(max_messages)
            # The lease runs from here, by the date of SQS's answer, even if the answer is slow.
            received = (
                await self._queue.receive(max_messages, wait_seconds, lease_seconds) if max_messages else []
            )
            await self._deliver_again(received)
            if self._faults.strike("call's answer lost"):
                self._faults.drop([one.message_id for one in received], self._clock.now())
                raise QueueError(*UNANSWERED, Meaning.AMBIGUOUS)
        return received

    async def _deliver_again(self, received: Sequence[Delivery]) -> None:
        """Makes messages that a standard queue delivers twice visible again long before their lease ends."""
        again = [one for one in received if not one.from_fifo and self._faults.strike("message doubled")]
        self._faults.doubled.update(delivery.message_id for delivery in again)
        if again:
            await self._queue.change_visibility(again, round(self._faults.between(0, AGAIN_WITHIN_SECONDS)))

    async def change_visibility(
        self, deliveries: Sequence[Delivery], seconds: int, until: float = math.inf
    ) -> list[Refused]:
        began = self._clock.now()
        troubled = True
        try:
            over = min(until, began + seconds) if seconds else until
            failed = await self._batch(self._queue.change_visibility, deliveries, seconds, until, until=over)
            troubled = self._clock.now() > began
        finally:
            for delivery in deliveries if troubled else ():
                self._faults.note_unheld(delivery.message_id, began, self._clock.now())
        return failed

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Refused]:
        return await self._batch(self._queue.delete, deliveries)

    async def send(self, message: Outgoing) -> str:
        async with self._call():
            message_id = await self._queue.send(message)
            lost, lost_again = self._faults.lose()
            if lost and self._again:
                message_id = await self._queue.send(message)
            self._raise_if(lost_again if self._again else lost)
        return message_id

    async def in_flight(self) -> int:
        async with self._call():
            return await self._queue.in_flight()

    async def waiting(self) -> int:
        async with self._call():
            return await self._queue.waiting()

    @asynccontextmanager
    async def _call(self, until: float = math.inf) -> AsyncIterator[None]:
        self._faults.before()
        now = self._clock.now()
        outage = self._faults.outage(self._service, now)
        patience = min(self._patience_seconds, max(0.0, until - now))
        if outage is not None and (error := await suffer(outage, self._clock, patience)):
            raise QueueError(*error, meaning_of(error))
        slow_before, slow_after = self._faults.slowness()
        await _pass(self._clock, slow_before)
        if self._faults.strike("call failed"):
            raise QueueError("ServiceUnavailable", "a fault")
        yield
        await _pass(self._clock, slow_after)
        self._faults.after()

    async def _batch(
        self, call: Any, deliveries: Sequence[Delivery], *arguments: Any, until: float = math.inf
    ) -> list[Refused]:
        async with self._call(until):
            refused = [delivery for delivery in deliveries if self._faults.strike("entry failed")]
            for delivery in refused:
                self._faults.note_unheld(delivery.message_id, self._clock.now(), math.inf)
            failed = [Refused(one, "InternalError", "a fault") for one in refused]
            sound = [delivery for delivery in deliveries if delivery not in refused]
            if sound:
                failed += await call(sound, *arguments)
                lost, lost_again = self._faults.lose()
                if lost and self._again:
                    await self._clock.sleep(SENT_AGAIN_SECONDS)
                    lost_again |= self._clock.now() >= until
                    if self._clock.now() < until:
                        await call(sound, *arguments)
                self._raise_if(lost_again if self._again else lost)
        return failed

    def _raise_if(self, lost: bool) -> None:
        if lost:
            raise QueueError(*UNANSWERED, Meaning.AMBIGUOUS)


class FaultyRecords:
    """The `Records` port of one process, with faults.

    A call whose answer is lost was done, and is repeated. `clock` is the sandbox's, not the process's own;
    `patience_seconds` is how long the client waits if the table is silent.
    """

    def __init__(
        self, records: Records, faults: Faults, clock: Clock, *, patience_seconds: float = 20
    ) -> None:
        self._records, self.completion = records, records.completion
        self._faults = faults
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._unstarted: str | None = None  # the key of a start that is recorded, and has not begun
        self._struck = 0  # faults of this process before it was recorded

    async def own(self, key: str, owner: str, now: float, until: float) -> Any:
        return await self._call(self._records.own, key, owner, now, until)

    async def extend(self, key: str, owner: str, until: float) -> bool:
        began = self._clock.now()
        troubled = True
        try:
            ours: bool = await self._call(self._records.extend, key, owner, until)
            troubled = self._clock.now() > began
        finally:
            if troubled:
                self._faults.note_unheld(key, began, self._clock.now())
        return ours

    async def finish(self, key: str, owner: str, now: float, unsent: str = "") -> bool:
        return bool(await self._call(self._records.finish, key, owner, now, unsent))

    async def sent(self, key: str, now: float) -> None:
        await self._call(self._records.sent, key, now)

    async def disown(self, key: str, owner: str, until: float | None = None) -> Any:
        return await self._call(self._records.disown, key, owner, until)

    async def count(self, key: str, owner: str, now: float) -> Counted:
        if key != self._unstarted:
            self.ended(crashed=False)
            self._struck = self._faults.of_process[PROCESS.get()]
        counted: Counted = await self._call(self._records.count, key, owner, now)
        return counted

    async def excuse(self, key: str, owner: str, now: float, unloaded: bool) -> int:
        excused: int = await self._call(self._records.excuse, key, owner, now, unloaded)
        self._unstarted = None  # it is taken back
        return excused

    async def allow(self, key: str, attempts: int, now: float) -> None:
        await self._call(self._records.allow, key, attempts, now)

    async def conclude(self, key: str, now: float, letter: str = "") -> None:
        await self._call(self._records.conclude, key, now, letter)

    def started(self) -> None:
        """Notes that the first line of a task runs."""
        self._unstarted = None

    def ended(self, *, crashed: bool) -> None:
        """Notes that the process ends. If a fault stopped a recorded start, it is noted as in vain."""
        if self._unstarted is not None and (crashed or self._held_back()):
            self._faults.in_vain.append((self._unstarted, self._clock.now()))
        self._unstarted = None

    def _held_back(self) -> bool:
        """Returns whether a fault hit this process since it began to record the start."""
        return self._faults.of_process[PROCESS.get()] > self._struck

    async def _call(self, call: Any, key: str, *arguments: Any) -> Any:
        self._faults.before()
        await self._suffer(key)
        slow_before, slow_after = self._faults.slowness()
        await _pass(self._clock, slow_before)
        if self._faults.strike("call failed"):
            self._faults.unreached[key] += 1
            raise RecordsError("a fault")
        answer = await call(key, *arguments)
        if isinstance(answer, Counted):
            self._unstarted = key
        lost, lost_again = self._faults.lose()
        if lost:
            answer = await call(key, *arguments)
        if lost_again:
            self._faults.unreached[key] += 1
            raise RecordsError("no answer")
        await _pass(self._clock, slow_after)
        self._faults.after()
        return answer

    async def _suffer(self, key: str) -> None:
        outage = self._faults.outage("records", self._clock.now())
        if outage is not None and (error := await suffer(outage, self._clock, self._patience_seconds)):
            self._faults.unreached[key] += 1
            raise RecordsError(": ".join(error))


async def _pass(clock: Clock, seconds: float) -> None:
    if seconds:
        await clock.sleep(seconds)
