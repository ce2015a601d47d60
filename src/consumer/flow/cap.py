"""The in-flight cap: how many messages may be received, so that no more than that are in flight?

The cap less what is in flight, where in flight is the larger of SQS's count and our own
dispatches of the last half minute. SQS's count lags up to a minute, and it includes messages that
are merely postponed for their retry: a cap that trusted it alone would let failing tasks starve
healthy ones. So where the cap is used up, one small poll still goes out each second.
"""

from __future__ import annotations

import logging
from collections import deque

from shared import log
from shared.ports.clock import Clock
from shared.ports.queue import MAX_PER_CALL, Queue, QueueError

REMEMBERED_SECONDS = 30
"""How long a dispatch of ours counts as in flight, whatever SQS says."""

TRICKLE_EVERY_SECONDS = 1.0


class InFlightCap:
    """How many messages of `queue` may be received, when at most `limit` may be in flight (0 = no limit)."""

    def __init__(self, queue: Queue, clock: Clock, limit: int) -> None:
        self._queue = queue
        self._clock = clock
        self._limit = limit
        self._ours: deque[tuple[float, int]] = deque()
        self._reserved = 0
        self._counted = 0
        self._counted_at = float("-inf")
        self._trickled_at = float("-inf")

    async def may_receive(self) -> int:
        if self._limit == 0:
            return MAX_PER_CALL
        await self._count()
        free = self._limit - self._in_flight()
        allowed = min(MAX_PER_CALL, free) if free > 0 else self._trickle()
        self._reserved += allowed
        return allowed

    def received(self, asked: int, came: int) -> None:
        if self._limit == 0:
            return
        self._reserved -= asked
        if came:
            self._ours.append((self._clock.now(), came))

    def _in_flight(self) -> int:
        while self._ours and self._ours[0][0] <= self._clock.now() - REMEMBERED_SECONDS:
            self._ours.popleft()
        return max(self._counted, sum(number for _, number in self._ours)) + self._reserved

    def _trickle(self) -> int:
        if self._clock.now() < self._trickled_at + TRICKLE_EVERY_SECONDS:
            return 0
        self._trickled_at = self._clock.now()
        return min(MAX_PER_CALL, max(1, self._limit // 10))

    async def _count(self) -> None:
        """SQS's count, asked for at most once a second; where it can't be had, ours must do."""
        if self._clock.now() < self._counted_at + TRICKLE_EVERY_SECONDS:
            return
        self._counted_at = self._clock.now()
        try:
            self._counted = await self._queue.in_flight()
        except QueueError as error:
            log.write(logging.WARNING, "SQS's in-flight count is missing", reason=str(error))
            self._counted = 0
