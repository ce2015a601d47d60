"""The schedule of a sandbox: time goes on, and ticks begin."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from consumer.summary import Summary
from zigzag_testing.event_sources import BY_SCHEDULE, EventSources
from zigzag_testing.faults import Faults
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.memory_scheduler import MemoryScheduler
from zigzag_testing.schedules import Schedule, every
from zigzag_testing.virtual_time import VirtualClock

A_MINUTE = every(60)

Ticking = asyncio.Task[Summary | None]


class _Sandbox(Protocol):
    """The part of a sandbox that `Scheduled` uses."""

    schedule: Schedule | None
    trigger: str
    clock: VirtualClock
    faults: Faults
    scheduler: MemoryScheduler
    _events: EventSources
    _fires_at: float
    _ticks: set[Ticking]

    @property
    def queues(self) -> Mapping[str, MemoryQueue]: ...

    async def _run_for(self, seconds: float) -> None: ...

    async def _rest(self) -> None: ...

    async def _finish(self) -> None: ...

    def _one_tick(self) -> Coroutine[Any, Any, Summary | None]: ...

    def _fire(self) -> None: ...


class Scheduled:
    """The schedule's part of a sandbox."""

    async def _run(self: _Sandbox, max_seconds: float) -> None:
        give_up_at = self.clock.now() + max_seconds
        while (left := sum(map(len, self.queues.values()))) or self.scheduler.waiting:
            if not left:
                await self._rest()
                give_up_at = self.clock.now() + max_seconds
            elif self.clock.now() > give_up_at:
                raise TimeoutError(f"{left} messages are left after {max_seconds:,.0f} s")
            await self._run_for((self.schedule or A_MINUTE)(self.clock.now()) - self.clock.now())
        await asyncio.gather(*self._ticks, self._events.finish())
        await self._finish()

    async def _run_for(self: _Sandbox, seconds: float) -> None:
        now = self.clock.now()
        end = now + seconds
        while now < end:
            self._events.enable(self.trigger)
            await self.scheduler.fire()
            if now >= self._fires_at:
                self._fires_at = (self.schedule or A_MINUTE)(now)
                self._fire()
            await self.clock.sleep(min(end, self._fires_at, self.scheduler.next) - now)
            now = self.clock.now()

    async def _rest(self: _Sandbox) -> None:
        """Sleeps until the next message is sent later. Nothing happens until then: the ticks are left out."""
        await self.clock.sleep(self.scheduler.next - self.clock.now())
        await self.scheduler.fire()

    def _fire(self: _Sandbox) -> None:
        """Starts a tick, or two, as a schedule fires at least once. Starts none while it is disabled."""
        self._ticks = {tick for tick in self._ticks if not tick.done()}
        times = 2 if self.faults.strike("firing doubled") else 1
        for _ in range(times if self.schedule is not None and self.trigger == BY_SCHEDULE else 0):
            self._ticks.add(asyncio.create_task(self._one_tick()))
