"""How does a message stay ours while its task runs? Its lease is extended again and again: a heartbeat.

The first beat comes a third of a lease after the start, so that a short task costs no call. If beats
fail until the lease has ended, it is lost: the message may be with another worker.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from shared import log
from shared.delivery import Delivery
from shared.lease import BEAT_EVERY_SECONDS, LEASE_SECONDS, SAFETY_SECONDS, Lease
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from worker.host import Sleep
from worker.record import Record

BEAT_AGAIN_SECONDS = 5.0
"""After a beat that failed."""


class Heartbeat:
    """Extends the leases of a batch's deliveries, all received together.

    queue -- threads may share it: beats come from one of their own.
    """

    def __init__(self, lease: Lease | None, ordered: bool, clock: Clock, queue: Queue) -> None:
        now = clock.now()
        self._ordered = ordered
        self._clock = clock
        self._queue = queue
        self._known = lease is not None
        self._first_ends = now if lease is None else lease.ends
        self._ends: dict[str, float] = {}
        self._next_at = now + BEAT_EVERY_SECONDS
        self._held: Sequence[Delivery] = ()
        self._record: Record | None = None

    def has_lost(self, delivery: Delivery) -> bool:
        """Whether it is no longer ours. What is lost stays lost: somebody else may have it by now."""
        return self._clock.now() >= self._ends_of(delivery)

    @property
    def lost(self) -> bool:
        """Whether the delivery whose task runs is no longer ours."""
        return self.has_lost(self._held[0])

    @property
    def ends(self) -> float:
        """When the lease of the delivery whose task runs ends, in epoch seconds, as far as we know."""
        return self._ends_of(self._held[0])

    def hold(self, deliveries: Sequence[Delivery], record: Record | None = None) -> None:
        """From now on, beat for these, the one whose task runs first, and for its record."""
        self._held, self._record = deliveries, record
        self._next_at = min(self._next_at, self.ends - SAFETY_SECONDS / 2)

    async def keep(self, sleep: Sleep) -> None:
        """Beats until `sleep` says stop, or there is nothing left to keep."""
        while not await sleep(self._next_at - self._clock.now()):
            if not self.lost:
                await self.beat()
            elif not await self._keep_the_record():
                return

    async def beat_if_due(self) -> None:
        """Beats if the last one was long ago: what happened since may have taken its time."""
        if not self.lost and self._clock.now() >= self._next_at:
            await self.beat()

    async def beat(self) -> bool:
        """Extends every lease now, and the record's ownership with them.

        False if SQS refused to extend the first one. On a FIFO queue that may be because its lease has ended.
        """
        now = self._clock.now()
        try:
            kept = await self._extend()
            owned = self._record is None or await self._record.extend(now + LEASE_SECONDS)
        except Exception as error:  # whatever it is, the next beat may get through
            log.write(logging.WARNING, "a heartbeat failed", reason=f"{type(error).__name__}: {error}")
            self._next_at = now + BEAT_AGAIN_SECONDS
            return True
        for delivery in kept:
            if not self._known or not self.has_lost(delivery):  # the answer may have come too late
                self._ends[delivery.message_id] = now + LEASE_SECONDS
        if not owned:
            self._ends[self._held[0].message_id] = now
        self._known = True
        last_chance = max(self.ends - SAFETY_SECONDS / 2, now + BEAT_AGAIN_SECONDS)
        self._next_at = min(now + BEAT_EVERY_SECONDS, last_chance)
        return self._held[0] in kept

    async def _keep_the_record(self) -> bool:
        """The message is lost, but its task runs on: who gets it, or another of its key, must find it owned.

        False if there is no record to keep, or it is another's.
        """
        if self._record is None or not self._record.owned:
            return False
        now = self._clock.now()
        self._next_at = now + BEAT_EVERY_SECONDS
        try:
            return await self._record.extend(now + LEASE_SECONDS)
        except Exception as error:
            log.write(logging.WARNING, "a heartbeat failed", reason=f"{type(error).__name__}: {error}")
            self._next_at = now + BEAT_AGAIN_SECONDS
            return True

    async def _extend(self) -> list[Delivery]:
        """Those whose leases are longer now. On a FIFO queue, what follows is asked for only if the first one
        is still ours."""
        first, followers = list(self._held[:1]), list(self._held[1:])
        if not self._ordered:
            return await _kept(self._queue, first + followers)
        kept = await _kept(self._queue, first)
        return kept + await _kept(self._queue, followers) if kept and followers else kept

    def _ends_of(self, delivery: Delivery) -> float:
        return self._ends.get(delivery.message_id, self._first_ends)


async def _kept(queue: Queue, deliveries: Sequence[Delivery]) -> list[Delivery]:
    failed = {
        failure.delivery.message_id for failure in await queue.change_visibility(deliveries, LEASE_SECONDS)
    }
    return [delivery for delivery in deliveries if delivery.message_id not in failed]
