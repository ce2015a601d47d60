"""How many messages of several queues are in flight at most: by SQS's counts, and by what came since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from math import inf

from shared.ports.clock import Clock

FIRST_SECONDS = 1.0
"""Longest wait for the first counts of a tick."""


class Counts:
    """The counts in one tick. Polls go on while SQS is asked again: a count that hangs would hold up all.

    ask       -- returns SQS's counts, or what stands for one that is missing.
    stand_ins -- returns what stands for all of them while the first ones are missing.
    asked_at  -- when SQS was asked last, in epoch seconds.
    are_there -- whether SQS has counted, or should have.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[list[int]]],
        stand_ins: Callable[[], list[int]],
        clock: Clock,
        queues: int,
    ) -> None:
        self._ask = ask
        self._stand_ins = stand_ins
        self._clock = clock
        self._counts = [0] * queues
        self._taken = [0] * queues
        self._known = [0] * queues  # what had come of that when SQS was asked
        self._asking: asyncio.Task[None] | None = None
        self.asked_at = -inf
        self.are_there = False

    def at_most(self) -> list[int]:
        """Returns how many messages of each queue are in flight, if the counts were in time."""
        each = zip(self._counts, self._taken, self._known, strict=True)
        return [count + taken - known for count, taken, known in each]

    def take(self, number: int, messages: int) -> None:
        """Notes that so many messages are asked for. A negative number gives back those that did not come."""
        self._taken[number] += messages

    async def renew(self, asked: Sequence[int]) -> None:
        """Asks SQS, unless it is being asked, and waits a while for the first counts. Raises what went wrong.

        asked -- how many messages of each queue the polls that are under way have asked for.
        """
        if self._asking is not None and self._asking.done():
            self._asking.result()
            self._asking = None
        if self._asking is None:
            self._asking = asyncio.create_task(self._renew(asked))
        if not self.are_there:
            done, _ = await asyncio.wait([self._asking], timeout=FIRST_SECONDS)
            for asking in done:
                asking.result()
        if not self.are_there:
            self._counts, self.are_there = self._stand_ins(), True

    async def _renew(self, asked: Sequence[int]) -> None:
        self.asked_at = self._clock.now()
        known = [taken - more for taken, more in zip(self._taken, asked, strict=True)]
        self._counts = await self._ask()
        self._known, self.are_there = known, True

    async def end(self) -> None:
        """Asks no more. Raises what went wrong with the last counts."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking
