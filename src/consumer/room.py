"""How many messages may be taken now? The one question before every poll.

With a cap: the cap less what is in flight, where in flight is the larger of SQS's count and our own
dispatches of the last half minute. SQS's count lags up to a minute, and it includes messages that
are merely postponed for their retry: a cap that trusted it alone would let failing tasks starve
healthy ones. So where there is no room, one small poll still goes out each second.
"""

from __future__ import annotations

import logging
from collections import deque

from shared import log
from shared.ports import MOST_PER_CALL, Clock, Queue, QueueError

REMEMBERED_SECONDS = 30
"""How long a dispatch of ours counts as in flight, whatever SQS says."""

TRICKLE_EVERY_SECONDS = 1.0


class Room:
    """How many messages of `queue` may be taken, when at most `cap` may be in flight (0 = no cap)."""

    def __init__(self, queue: Queue, clock: Clock, cap: int) -> None:
        self._queue = queue
        self._clock = clock
        self._cap = cap
        self._ours: deque[tuple[float, int]] = deque()
        self._reserved = 0
        self._counted = 0
        self._counted_at = float("-inf")
        self._trickled_at = float("-inf")

    async def take(self) -> int:
        """How many to ask for in the next receive, at most 10; 0 = none for now, ask again in a moment.

        They are reserved until `taken` says how many came.
        """
        if self._cap == 0:
            return MOST_PER_CALL
        await self._count()
        free = self._cap - self._in_flight()
        most = min(MOST_PER_CALL, free) if free > 0 else self._trickle()
        self._reserved += most
        return most

    def taken(self, asked: int, received: int) -> None:
        """Of the `asked` messages that `take` allowed, `received` came."""
        if self._cap == 0:
            return
        self._reserved -= asked
        if received:
            self._ours.append((self._clock.now(), received))

    def _in_flight(self) -> int:
        while self._ours and self._ours[0][0] <= self._clock.now() - REMEMBERED_SECONDS:
            self._ours.popleft()
        return max(self._counted, sum(number for _, number in self._ours)) + self._reserved

    def _trickle(self) -> int:
        if self._clock.now() < self._trickled_at + TRICKLE_EVERY_SECONDS:
            return 0
        self._trickled_at = self._clock.now()
        return min(MOST_PER_CALL, max(1, self._cap // 10))

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
