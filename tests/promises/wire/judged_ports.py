"""The ports of a process on the wire: they note what judges must know, and whether what is said is true."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.promises.wire.wire import CALL, Call, Wire

from shared.delivery import Delivery
from shared.ports.gates import GatesError, OperatedGates
from shared.ports.queue import Outgoing, Queue, QueueError, Refused
from shared.ports.records import Counted, Records, RecordsError
from shared.ports.workers import Answer, Meaning, Workers
from zigzag_testing.faulty_gates import FaultyGates
from zigzag_testing.faulty_ports import FaultyRecords
from zigzag_testing.memory_records import MemoryRecords


class Judge:
    """Collects in `broken`, in words, what was said or done on a wire and never should be."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.broken: list[str] = []

    @contextmanager
    def call(self) -> Iterator[Call]:
        """Opens a call of a port. Faults may strike its process before and after it."""
        self.wire.faults.before()
        call = Call()
        before = CALL.set(call)
        try:
            yield call
        except (QueueError, RecordsError, GatesError) as error:
            if not call.troubles:
                self.broken.append(f"nothing went wrong, and a call failed: {error}")
            raise
        finally:
            CALL.reset(before)
        self.wire.faults.after()


class JudgedQueue:
    """The `Queue` port: notes heartbeats that were hit. A receive is sent once."""

    def __init__(self, queue: Queue, judge: Judge) -> None:
        self._queue = queue
        self._judge = judge

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        with self._judge.call() as call:
            try:
                return await self._queue.receive(max_messages, wait_seconds, lease_seconds)
            finally:
                if call.sent > 1:
                    self._judge.broken.append(f"a receive was sent {call.sent} times")

    async def change_visibility(
        self, deliveries: Sequence[Delivery], seconds: int, until: float = math.inf
    ) -> list[Refused]:
        clock, faults = self._judge.wire.clock, self._judge.wire.faults
        began = clock.now()
        troubled = True
        try:
            with self._judge.call():
                failed = await self._queue.change_visibility(deliveries, seconds, until)
            troubled = clock.now() > began
        finally:
            for delivery in deliveries if troubled else ():
                faults.note_unheld(delivery.message_id, began, clock.now())
        return failed

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Refused]:
        with self._judge.call():
            return await self._queue.delete(deliveries)

    async def send(self, message: Outgoing) -> str:
        with self._judge.call():
            return await self._queue.send(message)

    async def in_flight(self) -> int:
        with self._judge.call():
            return await self._queue.in_flight()

    async def waiting(self) -> int:
        with self._judge.call():
            return await self._queue.waiting()


class JudgedWorkers:
    """The `Workers` port. An invoke is sent once, and what is said of it is true."""

    def __init__(self, workers: Workers, judge: Judge) -> None:
        self._workers = workers
        self._judge = judge

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        with self._judge.call() as call:
            answers = await self._workers.dispatch(events)
            if call.sent > len(events):
                self._judge.broken.append(f"{len(events)} invokes were sent {call.sent} times")
        aws = self._judge.wire.aws
        for event, answer in zip(events, answers, strict=True):
            if answer.meaning is not Meaning.AMBIGUOUS and (answer.meaning is Meaning.SENT) != bool(
                aws.taken[event]
            ):
                self._judge.broken.append(f"{answer} was said, and it was taken {aws.taken[event]} times")
        return answers


class JudgedGates(FaultyGates):
    """The gates of a worker."""

    def __init__(self, gates: OperatedGates, judge: Judge) -> None:
        super().__init__(gates, judge.wire.faults, judge.wire.clock)
        self._judge = judge

    async def _call[R](self, call: Callable[..., Awaitable[R]], *arguments: Any) -> R:
        with self._judge.call():
            return await call(*arguments)


class JudgedRecords(FaultyRecords):
    """The `Records` port: notes what FaultyRecords does, of faults that the wire had.

    kept -- the table's own records.
    """

    def __init__(self, records: Records, judge: Judge, kept: MemoryRecords) -> None:
        super().__init__(records, judge.wire.faults, judge.wire.clock)
        self._judge = judge
        self._kept = kept
        self._slow = False  # whether the process was told late, or not at all, that the start was recorded

    def _held_back(self) -> bool:
        return self._slow or super()._held_back()

    async def _call(self, call: Any, key: str, *arguments: Any) -> Any:
        clock = self._judge.wire.clock
        began = clock.now()
        is_start = call == self._records.count
        try:
            with self._judge.call() as under_way:
                under_way.records = call.__name__, key, *arguments
                answer = await call(key, *arguments)
                if isinstance(answer, Counted):
                    self._unstarted, self._slow = key, clock.now() > began
        except BaseException as error:
            record = self._kept.records.get(key)
            if is_start and record is not None and record.last == arguments[0]:
                self._unstarted, self._slow = key, True
            if isinstance(error, RecordsError):
                self._faults.unreached[key] += 1
            raise
        return answer
