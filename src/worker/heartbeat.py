"""How does a message stay ours while its task runs? Its lease is extended again and again: a heartbeat.

The first beat comes a third of a lease after the start, so that a short task costs no call. If beats
fail until the lease has ended, it is lost: the message may be with another worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from shared import log
from shared.delivery import Delivery
from shared.lease import BEAT_EVERY_SECONDS, LEASE_SECONDS, SAFETY_SECONDS, Lease
from shared.ports import Clock, Queue, QueueError, RecordsError
from worker.host import Sleep
from worker.record import Record

BEAT_AGAIN_SECONDS = 5.0
"""After a beat that failed."""


class Heartbeat:
    """Extends the leases of a run's deliveries, all received together.

    ends       -- when they end, in epoch seconds, as far as we know.
    beat_queue -- makes the queue that beats go through when the first one is due: they come from a thread of
                  their own, so they have a client of their own.
    """

    def __init__(
        self, lease: Lease | None, ordered: bool, clock: Clock, beat_queue: Callable[[], Queue]
    ) -> None:
        now = clock.now()
        self._ordered = ordered
        self._clock = clock
        self._beat_queue = beat_queue
        self._own: Queue | None = None
        self._lost = False
        self.ends = now if lease is None else lease.ends
        self._next_at = min(now + BEAT_EVERY_SECONDS, self.ends - SAFETY_SECONDS / 2)
        self._held: Sequence[Delivery] = ()
        self._record: Record | None = None

    @property
    def lost(self) -> bool:
        """Whether the deliveries are no longer ours."""
        return self._lost or self._clock.now() >= self.ends

    def hold(self, deliveries: Sequence[Delivery], record: Record | None = None) -> None:
        """From now on, beat for these, the one whose task runs first, and for its record."""
        self._held, self._record = deliveries, record

    async def keep(self, sleep: Sleep) -> None:
        """Beats until `sleep` says stop, or all is lost."""
        while not self.lost and not await sleep(self._next_at - self._clock.now()):
            await self.beat()

    async def beat(self, queue: Queue | None = None) -> None:
        """Extends every lease now, and the record's ownership with them; through `queue`, or its own."""
        now = self._clock.now()
        try:
            if queue is None:
                self._own = queue = self._own or self._beat_queue()
            kept = await self._extend(queue, now)
        except (QueueError, RecordsError) as error:
            log.write(logging.WARNING, "a heartbeat failed", reason=str(error))
            self._next_at = now + BEAT_AGAIN_SECONDS
            return
        if kept:
            self.ends, self._next_at = now + LEASE_SECONDS, now + BEAT_EVERY_SECONDS
        self._lost = not kept

    async def _extend(self, queue: Queue, now: float) -> bool:
        """Whether the first is still ours. On a FIFO queue its followers are extended only then."""
        head, followers = list(self._held[:1]), list(self._held[1:])
        at_once = head if self._ordered else head + followers
        failed = {failure.delivery.message_id for failure in await queue.postpone(at_once, LEASE_SECONDS)}
        if head[0].message_id in failed:
            return False
        if self._ordered and followers:
            await queue.postpone(followers, LEASE_SECONDS)
        return self._record is None or await self._record.extend(now + LEASE_SECONDS)
