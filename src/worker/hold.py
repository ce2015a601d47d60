"""The hold of a batch: its messages stay ours while their tasks run. Leases are extended again and again.

The first beat comes a third of a lease after the start, so that a short task costs no call. If beats
fail until the lease has ended, it is lost: the message may be with another worker.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared import log
from shared.delivery import Batch, Delivery
from shared.lease import BEAT_EVERY_SECONDS, LEASE_SECONDS, SAFETY_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from worker.host import Host, Sleep
from worker.starts import Starts

BEAT_AGAIN_SECONDS = 5.0
"""After a beat that failed."""


class LeaseLostError(Exception):
    """The message is no longer ours: it is not touched."""


class Hold:
    """Extends the leases of a batch's deliveries, all received together.

    queue -- threads may share it: beats come from one of their own.
    """

    def __init__(self, batch: Batch, queue: Queue, clock: Clock, host: Host) -> None:
        now = clock.now()
        self._ordered = batch.ordered
        self._queue = queue
        self._clock = clock
        self._host = host
        self._known = batch.lease is not None
        self._first_ends = now if batch.lease is None else batch.lease.ends
        self._ends: dict[str, float] = {}
        self._next_at = now + BEAT_EVERY_SECONDS
        self._held: Sequence[Delivery] = ()
        self._starts: Starts | None = None

    def has_lost(self, delivery: Delivery) -> bool:
        """Whether it is no longer ours. What is lost stays lost: somebody else may have it by now."""
        return self._clock.now() >= self._ends.get(delivery.message_id, self._first_ends)

    @property
    def lost(self) -> bool:
        """Whether the delivery whose task runs is no longer ours."""
        return self.has_lost(self._held[0])

    @property
    def ends(self) -> float:
        """When the lease of the delivery whose task runs ends, in epoch seconds, as far as we know."""
        return self._ends.get(self._held[0].message_id, self._first_ends)

    def hold(self, deliveries: Sequence[Delivery]) -> None:
        """From now on, beat for these, the one whose task runs first."""
        self._held, self._starts = deliveries, None
        self._next_at = min(self._next_at, self.ends - SAFETY_SECONDS / 2)

    async def secure(self, deliveries: Sequence[Delivery]) -> None:
        """Raises LeaseLostError unless all are ours, as far as it can be known before the first task.

        A FIFO queue refuses an expired handle, so a beat there is an exact check. A lease that is not known
        is extended at once.
        """
        if self._known and not self._ordered:
            return
        self.hold(deliveries)
        if not await self.beat() or self.lost:
            raise LeaseLostError

    async def confirm(self) -> None:
        """Beats if the last beat was long ago. Raises LeaseLostError if the message is no longer ours."""
        head = self._held[0]
        if self._clock.now() >= self._next_at and not self.has_lost(head):
            await self.beat()
        if self.has_lost(head):
            raise LeaseLostError

    @asynccontextmanager
    async def while_running(self, starts: Starts | None) -> AsyncIterator[None]:
        """Keeps the message, and the record if there is one, while the block runs. Raises LeaseLostError."""
        self._starts = starts
        self._next_at = min(self._next_at, self.ends - SAFETY_SECONDS / 2)  # also after a beat that failed
        await self.confirm()
        beats = self._host.beside(self._keep)
        try:
            yield
        finally:
            await beats.stop()

    async def beat(self) -> bool:
        """Extends every lease now, and the record's ownership with them.

        False if SQS refused to extend the first one. On a FIFO queue that may be because its lease has ended.
        """
        now = self._clock.now()
        try:
            kept = await self._extend()
            owned = self._starts is None or await self._starts.extend(now + LEASE_SECONDS)
        except Exception as error:  # whatever it is, the next beat may get through
            self._note_failure(now, error)
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

    async def _keep(self, sleep: Sleep) -> None:
        """Beats until `sleep` says stop, or there is nothing left to keep."""
        while not await sleep(self._next_at - self._clock.now()):
            if not self.lost:
                await self.beat()
            elif not await self._keep_the_record():
                return

    async def _keep_the_record(self) -> bool:
        """The message is lost, but its task runs on: whoever gets it next must find it owned.

        False if there is no record to keep, or it is another's.
        """
        if self._starts is None or not self._starts.owned:
            return False
        now = self._clock.now()
        self._next_at = now + BEAT_EVERY_SECONDS
        try:
            return await self._starts.extend(now + LEASE_SECONDS)
        except Exception as error:
            self._note_failure(now, error)
            return True

    def _note_failure(self, now: float, error: Exception) -> None:
        log.write(logging.WARNING, "a heartbeat failed", reason=f"{type(error).__name__}: {error}")
        self._next_at = now + BEAT_AGAIN_SECONDS

    async def _extend(self) -> list[Delivery]:
        """Those whose leases are longer now. On a FIFO queue, what follows is asked for only if the first one
        is still ours."""
        first, followers = list(self._held[:1]), list(self._held[1:])
        if not self._ordered:
            return await self._extended(first + followers)
        kept = await self._extended(first)
        return kept + await self._extended(followers) if kept and followers else kept

    async def _extended(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        refused = await self._queue.change_visibility(deliveries, LEASE_SECONDS)
        failed = {failure.delivery.message_id for failure in refused}
        return [delivery for delivery in deliveries if delivery.message_id not in failed]
