"""One firing of the schedule: each queue is polled in turn, by more pollers while receives come back full."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from consumer.order import next_after
from consumer.source import Source
from consumer.summary import Summary, total
from shared.ports.clock import Clock
from shared.ports.queue import MAX_PER_CALL


class Tick:
    """One run of the consumer.

    pollers -- most polls under way at once.
    """

    def __init__(self, sources: Sequence[Source], clock: Clock, *, pollers: int) -> None:
        self._sources = sources
        self._clock = clock
        self._max_pollers = pollers
        self._pollers = 0
        self._last = -1

    async def run(self) -> Summary:
        """Polls until no queue's turn goes on. Raises nothing that AWS may answer: it is in the summary."""
        async with asyncio.TaskGroup() as group:
            self._open_poller(group)
        return total([source.turn for source in self._sources])

    def _open_poller(self, group: asyncio.TaskGroup) -> None:
        self._pollers += 1
        group.create_task(self._poll_on(group, first=self._pollers == 1))

    async def _poll_on(self, group: asyncio.TaskGroup, *, first: bool) -> None:
        """One poller. The first goes on until the tick stops, the others while receives come back full."""
        while (source := self._next()) is not None:
            if (pause := source.pause_seconds()) > 0:
                await self._clock.sleep(pause)
                continue
            received = await source.poll()
            if received == MAX_PER_CALL and self._pollers < self._max_pollers:
                self._open_poller(group)
            if received < MAX_PER_CALL and not first:
                break
        self._pollers -= 1

    def _next(self) -> Source | None:
        """The queue that is polled next; None if no turn goes on."""
        number = next_after(self._last, [source.goes_on for source in self._sources])
        if number is None:
            return None
        self._last = number
        return self._sources[number]
