"""What happens to the messages of one poll? Each is handed to a worker, and the answers are acted on.

| answer | meaning | what we do |
|---|---|---|
| 202 | sent | the worker settles it |
| 413 | too large for an asynchronous invoke | dead letter |
| 429 | the rate of the API's calls | release, pause; the third time in a row ends the tick |
| other 4xx, or nothing was sent | something is broken that a retry won't mend | release, end the tick |
| 5xx, time-out, reset | it may have arrived | leave it to its lease; the third time in a row ends the tick |

"In a row" counts what came one after the other: of dispatches that were under way together, one bad
answer is as good as ten. A worker that is out of
concurrency never shows here: its events get 202, wait, and are dropped at their age.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from shared import log
from shared.dead_letter import Death, bury
from shared.delivery import MOST_EVENT_BYTES, Delivery, to_event
from shared.ports import Clock, Queue, QueueError, Reply, Workers

RELEASE_SECONDS = (15, 60)
"""A released message is hidden for a jittered while, never 0: it would be received again at once."""

PAUSE_SECONDS = (1.0, 5.0)
PATIENCE = 3
_PATIENT_WITH = (Reply.THROTTLED, Reply.UNKNOWN)


@dataclass(slots=True)
class Handed:
    """What became of one poll's messages, counted; together, they are all of them.

    left          -- come again by themselves: the answer was lost, or what we tried next was refused.
    stop          -- why the tick should end, or None.
    pause_seconds -- how long to wait before the next poll.
    """

    dispatched: int = 0
    released: int = 0
    dead_lettered: int = 0
    left: int = 0
    stop: str | None = None
    pause_seconds: float = 0.0


@dataclass(slots=True)
class Handover:
    """Hands deliveries to workers. One a tick: it remembers how often in a row a bad answer came."""

    queue: Queue
    dead_letters: Queue
    workers: Workers
    clock: Clock
    random: Random
    _in_a_row: dict[Reply, int] = field(default_factory=lambda: dict.fromkeys(_PATIENT_WITH, 0))
    _bursts: dict[Reply, int] = field(default_factory=lambda: dict.fromkeys(_PATIENT_WITH, 0))

    async def hand_over(self, batch: Sequence[Delivery]) -> Handed:
        """Dispatches every delivery that is in time and fits, and acts on the answers."""
        now, bursts = self.clock.now(), dict(self._bursts)
        late: list[Delivery] = []
        fitting: list[tuple[Delivery, bytes]] = []
        by_reply: dict[Reply, list[Delivery]] = {reply: [] for reply in Reply}
        for delivery in batch:
            event = to_event(delivery)
            if delivery.lease is not None and now > delivery.lease.dispatch_by:
                late.append(delivery)
            elif len(event) > MOST_EVENT_BYTES:
                by_reply[Reply.TOO_LARGE].append(delivery)
            else:
                fitting.append((delivery, event))
        answers = await self.workers.dispatch([event for _, event in fitting]) if fitting else []
        for (delivery, _), answer in zip(fitting, answers, strict=True):
            by_reply[answer.reply].append(delivery)
            if answer.reply is not Reply.SENT:
                log.write(logging.WARNING, f"dispatch {answer.reply.value}", detail=answer.detail)
        self._count(by_reply, bursts)
        handed = await self._act_on(by_reply, late)
        handed.left = len(batch) - handed.dispatched - handed.released - handed.dead_lettered
        return handed

    def _count(
        self, by_reply: Mapping[Reply, Sequence[Delivery]], bursts_before: Mapping[Reply, int]
    ) -> None:
        for reply in _PATIENT_WITH:
            if self._bursts[reply] != bursts_before[reply]:
                continue  # another poll's dispatches, under way at the same time, have told already
            if by_reply[reply]:
                self._bursts[reply] += 1
                self._in_a_row[reply] += 1
            else:
                self._in_a_row[reply] = 0

    async def _act_on(self, by_reply: Mapping[Reply, list[Delivery]], late: list[Delivery]) -> Handed:
        handed = Handed(dispatched=len(by_reply[Reply.SENT]), stop=self._stop(by_reply))
        if by_reply[Reply.THROTTLED]:
            handed.pause_seconds = self.random.uniform(*PAUSE_SECONDS)
        handed.released = await self._release(late + by_reply[Reply.THROTTLED] + by_reply[Reply.REFUSED])
        for delivery in by_reply[Reply.TOO_LARGE]:
            handed.dead_lettered += await self._bury_too_large(delivery)
        return handed

    def _stop(self, by_reply: Mapping[Reply, Sequence[Delivery]]) -> str | None:
        if by_reply[Reply.REFUSED]:
            return "invoke refused"
        for reply, times in self._in_a_row.items():
            if times >= PATIENCE:
                return f"invokes {reply.value} {PATIENCE} times in a row"
        return None

    async def _release(self, deliveries: Sequence[Delivery]) -> int:
        """Lets the messages go for a while; how many it worked for. The lease's end frees the others."""
        if not deliveries:
            return 0
        try:
            failed = await self.queue.postpone(deliveries, self.random.randint(*RELEASE_SECONDS))
        except QueueError as error:
            log.write(logging.WARNING, "not released", reason=str(error))
            return 0
        return len(deliveries) - len(failed)

    async def _bury_too_large(self, delivery: Delivery) -> bool:
        death = Death(
            f"too large for an asynchronous invoke: at most {MOST_EVENT_BYTES:,} bytes with its envelope; "
            "send what is large to S3 and put its key in the payload"
        )
        return await bury(delivery, death, self.queue, self.dead_letters, self.clock, self.random)
