"""What happens to the messages of one poll? Each is handed to a worker, and the answers are acted on.

| answer | meaning | what we do |
|---|---|---|
| 202 | sent | the worker settles it |
| 413 | too large for an asynchronous invoke | dead letter |
| 429 | the rate of the API's calls | release, pause; the third time in a row ends the tick |
| other 4xx, or nothing was sent | something is broken that a retry won't mend | release, end the tick |
| 5xx, time-out, reset | it may have arrived | leave it to its lease; the third time in a row ends the tick |

"In a row" counts polls, since a poll's dispatches go out together. A worker that is out of
concurrency never shows here: its events get 202, wait, and are dropped at their age.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
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
    """Hands deliveries to workers. One a tick: it remembers how often in a row an answer came."""

    queue: Queue
    dead_letters: Queue
    workers: Workers
    clock: Clock
    random: Random
    _in_a_row: dict[Reply, int] = field(default_factory=dict)

    async def hand_over(self, batch: Sequence[Delivery]) -> Handed:
        """Dispatches every delivery that is in time and fits, and acts on the answers."""
        now = self.clock.now()
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
        handed = await self._act_on(by_reply, late)
        handed.left = len(batch) - handed.dispatched - handed.released - handed.dead_lettered
        return handed

    async def _act_on(self, by_reply: dict[Reply, list[Delivery]], late: list[Delivery]) -> Handed:
        handed = Handed(dispatched=len(by_reply[Reply.SENT]))
        for delivery in by_reply[Reply.TOO_LARGE]:
            handed.dead_lettered += await self._bury_too_large(delivery)
        handed.released = await self._release(late + by_reply[Reply.THROTTLED] + by_reply[Reply.REFUSED])
        self._judge(by_reply, handed)
        return handed

    def _judge(self, by_reply: dict[Reply, list[Delivery]], handed: Handed) -> None:
        for reply in (Reply.THROTTLED, Reply.UNKNOWN):
            self._in_a_row[reply] = self._in_a_row.get(reply, 0) + 1 if by_reply[reply] else 0
            if self._in_a_row[reply] >= PATIENCE:
                handed.stop = f"invokes {reply.value} {PATIENCE} times in a row"
        if by_reply[Reply.THROTTLED]:
            handed.pause_seconds = self.random.uniform(*PAUSE_SECONDS)
        if by_reply[Reply.REFUSED]:
            handed.stop = "invoke refused"

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
