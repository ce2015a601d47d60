"""EventBridge Scheduler's one-time schedules, on virtual time: each sends its message once, or twice by a
fault, and is gone."""

from __future__ import annotations

import math
from collections.abc import Callable

from zigzag import AlreadyScheduledError
from zigzag.extra.schedules import Scheduled
from zigzag_testing.faults import Faults
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.virtual_time import VirtualClock


class MemoryScheduler:
    """The schedules that have not fired, by name: `waiting`.

    named -- returns the queue of a URL.
    """

    def __init__(self, clock: VirtualClock, named: Callable[[str], MemoryQueue], faults: Faults) -> None:
        self.waiting: dict[str, Scheduled] = {}
        self._clock, self._named, self._faults = clock, named, faults

    def now(self) -> float:
        return self._clock.now()

    def create(self, scheduled: Scheduled) -> None:
        if scheduled.name in self.waiting:
            raise AlreadyScheduledError(f"{scheduled.what} is scheduled already")
        self.waiting[scheduled.name] = scheduled

    @property
    def next(self) -> float:
        """When the next one fires, in epoch seconds; infinity if none does."""
        return min((one.at for one in self.waiting.values()), default=math.inf)

    async def fire(self) -> None:
        """Sends what is due."""
        for one in [one for one in self.waiting.values() if one.at <= self._clock.now()]:
            del self.waiting[one.name]
            for _ in range(2 if self._faults.strike("firing doubled") else 1):
                await self._named(one.url).send(one.message)
