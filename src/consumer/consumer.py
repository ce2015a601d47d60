"""Builds the consumer. Only this module makes a tick of queues, flows and dispatchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from consumer.batches import EventLimit
from consumer.dispatch import Dispatcher
from consumer.flow.cap import InFlightCap
from consumer.flow.flow import Flow
from consumer.linger import Linger, Lingering
from consumer.memory import Memory
from consumer.pollers import MIN_POLLERS
from consumer.source import Source
from consumer.summary import Summary
from consumer.tick import Tick
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.workers import Workers
from shared.queues import TaskQueue

if TYPE_CHECKING:
    from consumer.flow.gated import GatesOfTicks
    from shared.ports.gates import Gates


class PolledQueue(NamedTuple):
    """A queue and the ports that the consumer calls for it.

    workers -- those of this queue; None if it has none but the stack's.
    """

    queue: TaskQueue
    messages: Queue
    dead_letters: Queue
    workers: Workers | None = None

    @staticmethod
    def of(queue: TaskQueue, port: Callable[[str], Queue], workers: Workers | None = None) -> PolledQueue:
        """Returns the queue with its ports, made of their URLs."""
        return PolledQueue(queue, port(queue.url), port(queue.dead_letter_url), workers)


class Consumer:
    """Polls queues and dispatches their messages.

    workers        -- of the queues that have none of their own.
    lingering      -- how long its ticks poll on after a queue has run empty.
    in_flight_cap  -- most messages that a tick receives from all queues, less those in flight; 0 = no cap.
    pollers        -- most polls of a tick at the same time.
    memory         -- the memory for received messages.
    gates          -- the operators' gates for the queues; None without flow control.
    """

    def __init__(
        self,
        queues: Sequence[PolledQueue],
        workers: Workers,
        clock: Clock,
        random: Random,
        *,
        lingering: Lingering | None = None,
        in_flight_cap: int = 0,
        pollers: int = MIN_POLLERS,
        memory: Memory | None = None,
        gates: Gates | None = None,
    ) -> None:
        self._queues = queues
        self._workers = workers
        self._clock = clock
        self._random = random
        self._lingering = lingering or Lingering()
        self._in_flight_cap = in_flight_cap
        self._weights = [polled.queue.weight for polled in queues]
        self._pollers = pollers
        self._limit = EventLimit()
        self._memory = memory or Memory(0)
        self._gates = None if gates is None else _gates_of_ticks(gates, queues, clock, random)

    async def tick(self, seconds_left: float) -> Summary:
        """Runs one tick.

        seconds_left -- how long until Lambda ends the function.
        """
        now = self._clock.now()
        linger, flows = self._lingering.of_tick(now), self._flows()
        queues = zip(self._queues, flows, strict=True)
        sources = [self._source(*each, linger, now + seconds_left) for each in queues]
        tick = Tick(sources, self._clock, weights=self._weights, pollers=self._pollers)
        summary = await tick.run()
        for flow in flows:
            await flow.end()
        return summary

    def _flows(self) -> Sequence[Flow]:
        queues = [polled.messages for polled in self._queues]
        caps = InFlightCap(queues, self._in_flight_cap, self._weights).flows()
        return caps if self._gates is None else self._gates.before(caps)

    def _source(self, polled: PolledQueue, flow: Flow, linger: Linger, ends_at: float) -> Source:
        dispatcher = Dispatcher(
            polled.messages,
            polled.dead_letters,
            polled.workers or self._workers,
            self._clock,
            self._random,
            polled.queue.batch_size,
            limit=self._limit,
        )
        return Source(
            polled.messages,
            flow,
            dispatcher,
            self._clock,
            self._random,
            self._memory,
            linger=linger,
            ends_at=ends_at,
            name=polled.queue.name if len(self._queues) > 1 else "",
        )


def _gates_of_ticks(
    gates: Gates, queues: Sequence[PolledQueue], clock: Clock, random: Random
) -> GatesOfTicks:
    from consumer.flow.gated import GatesOfTicks  # loaded here: without gates a cold start does not need it

    return GatesOfTicks(gates, [polled.queue for polled in queues], clock, random)
