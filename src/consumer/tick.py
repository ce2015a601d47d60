"""One run of the consumer: each queue has a poller of its own. Others poll all queues while polls are
full."""

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

    pollers -- most polls at the same time.
    """

    def __init__(self, sources: Sequence[Source], clock: Clock, *, pollers: int) -> None:
        self._sources = sources
        self._clock = clock
        self._max_pollers = pollers
        self._pollers = 0
        self._last = -1

    async def run(self) -> Summary:
        """Polls until no queue's turn goes on. Never raises for an error of AWS: the summary tells it."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                self._open_poller(group, source)
        return total([source.turn for source in self._sources])

    def _open_poller(self, group: asyncio.TaskGroup, own: Source | None = None) -> None:
        self._pollers += 1
        group.create_task(self._poll_on(group, own))

    async def _poll_on(self, group: asyncio.TaskGroup, own: Source | None) -> None:
        """Runs one poller. A queue's own polls until the turn ends, and does not wait for other queues.

        A poller for all queues ends once a poll is not full.
        """
        while (source := own or self._next()) is not None and source.goes_on:
            if (pause := source.pause_seconds()) > 0:
                await self._clock.sleep(pause)
                continue
            received = await source.poll()
            if received == MAX_PER_CALL and self._pollers < self._max_pollers:
                self._open_poller(group)
            if received < MAX_PER_CALL and own is None:
                break
        self._pollers -= 1

    def _next(self) -> Source | None:
        """Returns the next queue for a poller of all queues, pausing ones last; None if no turn goes on."""
        going_on = [source.goes_on for source in self._sources]
        ready = [source.goes_on and not source.pause_seconds() for source in self._sources]
        number = next_after(self._last, ready if any(ready) else going_on)
        if number is None:
            return None
        self._last = number
        return self._sources[number]
