"""The consumer, put together: the only place that makes a tick of queues, flows and dispatchers."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from consumer.batches import EventLimit
from consumer.dispatch import Dispatcher
from consumer.flow.cap import InFlightCap
from consumer.memory import Memory
from consumer.pollers import MIN_POLLERS
from consumer.source import Source
from consumer.summary import Summary
from consumer.tick import Tick
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.workers import Workers
from shared.queues import TaskQueue


class PolledQueue(NamedTuple):
    """A queue, with all that the consumer calls for it."""

    queue: TaskQueue
    messages: Queue
    dead_letters: Queue


class Consumer:
    """Polls queues, and dispatches what it receives.

    linger_seconds -- how long a tick polls on after a queue has run empty.
    pollers        -- most polls of a tick under way at once.
    memory         -- for what they receive.
    """

    def __init__(
        self,
        queues: Sequence[PolledQueue],
        workers: Workers,
        clock: Clock,
        random: Random,
        *,
        linger_seconds: float = 0,
        pollers: int = MIN_POLLERS,
        memory: Memory | None = None,
    ) -> None:
        self._queues = queues
        self._workers = workers
        self._clock = clock
        self._random = random
        self._linger_seconds = linger_seconds
        self._pollers = pollers
        self._limit = EventLimit()
        self._memory = memory or Memory(0)

    async def tick(self, seconds_left: float) -> Summary:
        """One firing of the schedule.

        seconds_left -- how long until the function is ended.
        """
        ends_at = self._clock.now() + seconds_left
        sources = [self._source(polled, ends_at) for polled in self._queues]
        return await Tick(sources, self._clock, pollers=self._pollers).run()

    def _source(self, polled: PolledQueue, ends_at: float) -> Source:
        dispatcher = Dispatcher(
            polled.messages,
            polled.dead_letters,
            self._workers,
            self._clock,
            self._random,
            polled.queue.batch_size,
            limit=self._limit,
        )
        return Source(
            polled.messages,
            InFlightCap(polled.messages, polled.queue.in_flight_cap),
            dispatcher,
            self._clock,
            self._random,
            self._memory,
            linger_seconds=self._linger_seconds,
            ends_at=ends_at,
        )
