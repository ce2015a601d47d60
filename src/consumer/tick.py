"""One run of the consumer: each queue has a poller of its own. Others poll those queues whose polls bring
messages, by their weights."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from consumer.order import TURN_SECONDS, Order
from consumer.source import Source
from consumer.summary import QUEUE_EMPTY, Summary, total
from shared.ports.clock import Clock
from shared.ports.queue import MAX_PER_CALL

EMPTY_AGAIN_SECONDS = 1.0
"""Time until a queue that has run empty is polled again, while another one goes on. Only the queue's own
poller does it: if each poller did, an idle queue would cost as much as a busy one."""


class Tick:
    """One run of the consumer.

    order   -- of the queues.
    waits   -- whether a queue waits for those that are behind it; under a cap that they share, its flow does.
    pollers -- most polls at the same time; one for each queue at least.
    """

    def __init__(
        self, sources: Sequence[Source], clock: Clock, order: Order, *, waits: bool, pollers: int
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._order = order
        self._waits = waits
        self._max_pollers = pollers
        self._pollers = 0
        self._all_empty = asyncio.Event()

    async def run(self) -> Summary:
        """Polls until no queue's turn goes on. Never raises for an error of AWS: the summary tells it."""
        async with asyncio.TaskGroup() as group:
            for number in range(len(self._sources)):
                self._open_poller(group, self._watch(group, number))
        return total([source.turn for source in self._sources])

    def _open_poller(self, group: asyncio.TaskGroup, poller: Coroutine[Any, Any, None]) -> None:
        self._pollers += 1
        group.create_task(poller)

    async def _watch(self, group: asyncio.TaskGroup, number: int) -> None:
        """Runs a queue's own poller, until the turn ends. It waits for no other queue, except while its own
        is ahead of one that has messages."""
        source = self._sources[number]
        while not source.turn.stopped:
            if source.has_run_empty and not source.is_refused:
                await self._rest()
            if (pause := source.pause_seconds()) > 0:
                await self._clock.sleep(pause)
            elif self._waits and self._is_ahead(number):
                await self._clock.sleep(TURN_SECONDS)
            else:
                await self._poll(group, number)
        self._end_if_all_are_empty()
        self._pollers -= 1

    async def _help(self, group: asyncio.TaskGroup) -> None:
        """Runs a poller for all queues, until a poll is not full."""
        while (number := self._next()) is not None:
            if (pause := self._sources[number].pause_seconds()) > 0:
                await self._clock.sleep(pause)
            elif await self._poll(group, number) < MAX_PER_CALL:
                break
        self._pollers -= 1

    async def _poll(self, group: asyncio.TaskGroup, number: int) -> int:
        """Makes a poll, and opens one more poller if it is full. Returns how many messages came."""
        source, began = self._sources[number], self._clock.now()
        if not source.has_more:
            self._order.joins(number, self._others(number))
        received = await source.poll()
        if received:
            self._order.brought(number, began, self._clock.now(), is_full=source.is_full)
        if received == MAX_PER_CALL and self._pollers < self._max_pollers:
            self._open_poller(group, self._help(group))
        return received

    def _is_ahead(self, number: int) -> bool:
        """Returns whether the queue has had more than its part, and one that has had less gets on."""
        behind, now = self._order.behind(number, self._others(number)), self._clock.now()
        if any(self._order.gets_on(each, number, now) for each in behind):
            return True
        self._order.overtakes(number, range(len(self._sources)))  # also one that is away, and comes back
        return False

    def _others(self, number: int) -> list[int]:
        """Returns the other queues that have more messages."""
        return [each for each, source in enumerate(self._sources) if source.has_more and each != number]

    def _next(self) -> int | None:
        """Returns the next queue for a poller of all queues, or None. One whose calls hang, and pausing ones,
        are the last."""
        now = self._clock.now()
        bring = [number for number, source in enumerate(self._sources) if source.brings]
        ready = [number for number in bring if not self._sources[number].pause_seconds()]
        get_on = [number for number in ready if not self._order.hangs(number, now)]
        return self._order.next(get_on or ready or bring)

    async def _rest(self) -> None:
        """Waits until the empty queue is polled again, or ends its turn if no other has messages."""
        self._end_if_all_are_empty()
        with suppress(TimeoutError):
            async with asyncio.timeout(EMPTY_AGAIN_SECONDS):
                await self._all_empty.wait()

    def _end_if_all_are_empty(self) -> None:
        """Ends the turns of empty queues, once every other queue is empty as well, or its turn has ended."""
        if all(source.has_run_empty or source.turn.stopped for source in self._sources):
            for source in self._sources:
                source.turn.stop(QUEUE_EMPTY)
            self._all_empty.set()
