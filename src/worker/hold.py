"""The hold of a batch: extends its leases, so that its messages stay ours while their tasks run.

The first beat comes a third of a lease after the start, so that a short task costs no call. If beats fail
until the lease has ended, the lease is lost: another worker may have the message. The thread that beats also
ends an attempt when the function's time is nearly over, even if the task's own thread hangs.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from math import inf

from shared import log
from shared.delivery import Batch, Delivery
from shared.errors import words
from shared.lease import BEAT_AGAIN_SECONDS, BEAT_EVERY_SECONDS, LEASE_SECONDS, SAFETY_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import MAX_VISIBILITY_SECONDS, Queue
from worker.host import Host, Sleep


class LeaseLostError(Exception):
    """The message is no longer ours, and must not be touched."""


def hold_of(batch: Batch, queue: Queue, clock: Clock, host: Host) -> Hold:
    """Returns the hold of a batch from a queue, by the lease in its event."""
    longest = clock.now() + MAX_VISIBILITY_SECONDS  # an event may name any end; SQS has a longest lease
    ends = None if batch.lease is None else min(batch.lease.ends, longest)
    return Hold(ends, queue, clock, host, ordered=batch.ordered)


class Hold:
    """Extends the leases of a batch's deliveries, all received together.

    ends    -- when their leases end, in epoch seconds; None if that is not known, and `inf` if nothing can be
               lost, nor extended.
    ordered -- whether SQS refuses an expired handle, as a FIFO queue does, and the first decides about the
               others.
    queue   -- sends each call once: a failed beat is repeated here. Beats come from a thread of their own.
    """

    def __init__(
        self, ends: float | None, queue: Queue, clock: Clock, host: Host, *, ordered: bool = False
    ) -> None:
        now = clock.now()
        self._ordered = ordered
        self._queue = queue
        self._clock = clock
        self._host = host
        self._known = ends is not None
        self._first_ends = now if ends is None else ends
        self._ends: dict[str, float] = {}
        self._next_at = inf if ends == inf else now + BEAT_EVERY_SECONDS
        self._covered: Sequence[Delivery] = ()
        self._refused: frozenset[str] = frozenset()  # ids, by the last beat; the next may extend them
        self._has_failed = False  # the last beat

    def ends_of(self, delivery: Delivery) -> float:
        """Returns when the delivery's lease ends, in epoch seconds, as far as we know."""
        return self._ends.get(delivery.message_id, self._first_ends)

    def has_lost(self, delivery: Delivery) -> bool:
        """Returns whether the delivery is no longer ours. Once lost, it stays lost: another may have it."""
        return self._clock.now() >= self.ends_of(delivery)

    @property
    def lost(self) -> bool:
        """Returns whether the delivery whose task runs is no longer ours."""
        return self.has_lost(self._covered[0])

    @property
    def is_cut_off(self) -> bool:
        """Returns whether a lease was lost since no beat got through: a task may have broken its process."""
        return self._has_failed and self.lost

    @property
    def ends(self) -> float:
        """Returns when the lease of the delivery whose task runs ends."""
        return self.ends_of(self._covered[0])

    def cover(self, deliveries: Sequence[Delivery]) -> None:
        """Makes beats extend these deliveries from now on. The first is the one whose task runs."""
        self._covered = deliveries
        self._beat_before_the_end()

    async def secure(self, deliveries: Sequence[Delivery]) -> None:
        """Raises LeaseLostError if a delivery is known to be lost before the first task.

        A FIFO queue refuses an expired handle, so a beat there is an exact check. A lease that is not known
        is extended at once, by a second call if the first one fails.
        """
        if self._known and not self._ordered:
            return
        self.cover(deliveries)
        extended = await self.beat()
        if not self._known:
            extended = await self.beat()
        if not extended or self.lost:
            raise LeaseLostError

    async def confirm(self) -> None:
        """Beats if the last beat was long ago. Raises LeaseLostError if the message is no longer ours."""
        for _ in range(2):  # a failed beat is repeated at once if the lease ends soon
            if self.lost:
                raise LeaseLostError
            if self._clock.now() < self._next_at and not self._is_refused:
                return
            await self.beat()
            self._beat_before_the_end()
        if self.lost or self._is_refused:
            raise LeaseLostError

    def while_running(
        self, seconds: Callable[[], float], end: Callable[[], Awaitable[None]]
    ) -> AbstractAsyncContextManager[None]:
        """Beats while the block runs, and calls `end` if it still runs when no `seconds` are left."""
        self._beat_before_the_end()  # needed after a failed beat, too
        return self._host.beside(lambda sleep: self._keep(sleep, seconds, end))

    async def beat(self) -> bool:
        """Extends every lease now. Returns False if SQS refused to extend the first one.

        On a FIFO queue the reason may be that its lease has ended.
        """
        now = self._clock.now()
        try:
            extended = await self._extend()
        except Exception as error:  # of any kind: the next beat may succeed
            log.write(logging.WARNING, "a heartbeat failed", reason=words(error))
            self._next_at = now + BEAT_AGAIN_SECONDS
            self._has_failed = True
            return True
        self._has_failed = False
        for delivery in extended:
            if not self._known or not self.has_lost(delivery):  # the answer may have come too late
                self._ends[delivery.message_id] = now + LEASE_SECONDS
        self._refused = frozenset(one.message_id for one in self._covered if one not in extended)
        self._known = True
        last_chance = max(self._first_end() - SAFETY_SECONDS, now + BEAT_AGAIN_SECONDS)
        self._next_at = min(now + BEAT_EVERY_SECONDS, last_chance)
        return self._covered[0] in extended

    async def _keep(
        self, sleep: Sleep, seconds: Callable[[], float], end: Callable[[], Awaitable[None]]
    ) -> None:
        """Beats until `sleep` returns True, or no time is left."""
        now = self._clock.now()
        while not await sleep(min(self._next_at - now, BEAT_EVERY_SECONDS, seconds())):
            before, now = now, self._clock.now()
            if seconds() <= 0:
                await end()
                return
            if not self._held():
                self._next_at = inf  # nothing is left to keep
            elif now >= self._next_at or (now < before and self._next_at < inf):
                await self.beat()  # a clock that was set back says nothing of the next, if there is one
            now = self._clock.now()

    @property
    def _is_refused(self) -> bool:
        """Returns whether the last beat did not extend the lease of the delivery whose task runs."""
        return self._covered[0].message_id in self._refused

    def _held(self) -> list[Delivery]:
        """Returns the deliveries that are still ours. In a FIFO group, all are lost if the first is."""
        if not self._known:
            return list(self._covered)
        if self._ordered and self.lost:
            return []
        return [delivery for delivery in self._covered if not self.has_lost(delivery)]

    def _first_end(self) -> float:
        """Returns the earliest end of the leases that are still ours."""
        if not self._ends:  # until one is extended, all leases end together
            return self._first_ends
        return min(map(self.ends_of, self._held()), default=inf)

    def _beat_before_the_end(self) -> None:
        self._next_at = min(self._next_at, self._first_end() - SAFETY_SECONDS)

    async def _extend(self) -> list[Delivery]:
        """Extends the leases and returns their deliveries. On FIFO the first decides about the others."""
        held = self._held()
        if not self._ordered:
            return await self._extended(held)
        first, followers = held[:1], held[1:]
        extended = await self._extended(first)
        return extended + await self._extended(followers) if extended and followers else extended

    async def _extended(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        if not deliveries:
            return []
        until = min(map(self.ends_of, deliveries)) if self._known else inf
        refused = await self._queue.change_visibility(deliveries, LEASE_SECONDS, until)
        failed = {failure.delivery.message_id for failure in refused}
        return [delivery for delivery in deliveries if delivery.message_id not in failed]
