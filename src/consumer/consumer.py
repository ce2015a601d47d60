"""Builds the consumer. Only this module makes a tick of queues, flows and dispatchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.batches import EventLimit
from consumer.dispatch import Dispatcher
from consumer.flow.cap import InFlightCap
from consumer.flow.flow import Flow
from consumer.flow.lately import Lately
from consumer.flow.parts import Parts
from consumer.flow.spread import SpreadCap, polls_wait
from consumer.linger import DUE_SECONDS, Linger, Lingering
from consumer.memory import Memory
from consumer.order import Order
from consumer.pollers import MIN_POLLERS
from consumer.source import LAST_RECEIVE_SECONDS, Source
from consumer.summary import NOT_STARTED, Summary
from consumer.tick import Tick
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.workers import Workers
from shared.queues import TaskQueue

if TYPE_CHECKING:
    from consumer.flow.gated import GatesOfTicks
    from consumer.others import Others
    from shared.ports.gates import Gates

CONSUMER = "Consumer"
"""The key by which the event of a started consumer is known."""


class PolledQueue(NamedTuple):
    """A queue and the ports that the consumer calls for it.

    workers -- those of this queue, or None if it has none but the stack's.
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
    lately         -- what the process has received in the last minute.
    in_flight_cap  -- most messages that a tick receives from all queues, less those in flight; 0 = no cap.
    keep_percent   -- the part of the cap that is kept for the queues of the largest weight.
    pollers        -- most polls of a tick at the same time.
    memory         -- the memory for received messages.
    gates          -- the operators' gates for the queues; None without flow control.
    others         -- starts more consumers, if a scheduled tick is behind, or None if there is only one.
    """

    def __init__(
        self,
        queues: Sequence[PolledQueue],
        workers: Workers,
        clock: Clock,
        random: Random,
        *,
        lingering: Lingering | None = None,
        lately: Lately | None = None,
        in_flight_cap: int = 0,
        keep_percent: int = 0,
        pollers: int = MIN_POLLERS,
        memory: Memory | None = None,
        gates: Gates | None = None,
        others: Others | None = None,
    ) -> None:
        self._queues = queues
        self._messages = [polled.messages for polled in queues]
        self._workers = workers
        self._clock = clock
        self._random = random
        self._lingering = lingering or Lingering()
        self._in_flight_cap = in_flight_cap
        self._keep_percent = keep_percent
        self._lately = lately or Lately()
        self._weights = [polled.queue.weight for polled in queues]
        self._part_of_each = Parts(self._weights, keep_percent if in_flight_cap else 0).of_each()
        self._pollers = pollers
        self._limit = EventLimit()
        self._memory = memory or Memory(0)
        self._gates = None if gates is None else _gates_of_ticks(gates, queues, clock, random)
        self._others = others

    @property
    def limits(self) -> dict[str, Any]:
        """Returns the limits as fields of a tick's line: the cap, and what the gates said last."""
        of_gates = None if self._gates is None else self._gates.limits()
        return {"cap": self._in_flight_cap or None, "limits": of_gates}

    async def tick(self, seconds_left: float, event: object = None) -> Summary:
        """Runs one tick.

        seconds_left -- how long until Lambda ends the function.
        event        -- the function's event: EventBridge's, or that of a consumer that another one started.

        Raises ValueError for a bad event of a started consumer.
        """
        now = self._clock.now()
        if isinstance(event, dict) and CONSUMER in event:
            return await self._started(event, now + seconds_left)
        if self._spreads:  # the next tick goes on in the same process, which knows what this one has received
            seconds_left = min(seconds_left, DUE_SECONDS + LAST_RECEIVE_SECONDS)
        others = None if self._others is None or not self._others.may_start(event) else self._others
        linger = self._lingering.of_tick(now)
        self._lately.begin(now, alone=self._others is None)
        order = Order(self._part_of_each, self._lately.passes)
        cap = self._cap(self._in_flight_cap, order, self._lately)
        return await self._run(cap, order, now + seconds_left, linger, others)

    async def _started(self, event: dict[str, Any], ends_at: float) -> Summary:
        """Runs the tick of a consumer that another one started, if it may. It does not linger."""
        if self._others is None or (part := await self._others.claimed(event, self._in_flight_cap)) is None:
            return Summary(stopped=NOT_STARTED)
        order, linger = Order(self._part_of_each), Lingering().of_tick(self._clock.now())
        ends_at = min(ends_at, part.until + LAST_RECEIVE_SECONDS)
        return await self._run(self._cap(part.share, order), order, ends_at, linger)

    async def _run(
        self, cap: InFlightCap, order: Order, ends_at: float, linger: Linger, others: Others | None = None
    ) -> Summary:
        flows: Sequence[Flow] = cap.flows()
        if self._gates is not None:
            flows, cap.counted = self._gates.before(flows), self._gates.counts
        brief = self._spreads and not polls_wait(cap.limit, len(self._queues))
        sources = [
            self._source(number, flow, partial(order.takes, number), linger, ends_at, brief)
            for number, flow in enumerate(flows)
        ]
        tick = Tick(sources, self._clock, order, waits=not self._spreads, pollers=self._pollers)
        running = tick.run()
        try:
            if others:
                running = others.while_running(running, sources, self._messages, cap)
            summary = await running
            for flow in flows:
                await flow.end()
        finally:
            await cap.end()
        return summary

    @property
    def _spreads(self) -> bool:
        """Returns whether several queues share a cap."""
        return len(self._queues) > 1 and self._in_flight_cap > 0

    def _cap(self, limit: int, order: Order, lately: Lately | None = None) -> InFlightCap:
        """Returns the cap of a tick; without a memory that of a started consumer, which counts nothing."""
        counts = lately is not None
        if not self._spreads:
            return InFlightCap(self._messages, limit, counts=counts)
        of_spread = self._weights, self._clock, lately or Lately(), order, self._keep_percent
        return SpreadCap(self._messages, limit, *of_spread, counts=counts)

    def _source(
        self,
        number: int,
        flow: Flow,
        takes: Callable[[int], None],
        linger: Linger,
        ends_at: float,
        brief: bool,
    ) -> Source:
        polled = self._queues[number]
        dispatcher = Dispatcher(
            polled.messages,
            polled.dead_letters,
            polled.workers or self._workers,
            self._clock,
            self._random,
            polled.queue.batch_size,
            limit=self._limit,
            tracing=polled.queue.tracing,
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
            brief=brief,
            name=polled.queue.name if len(self._queues) > 1 else "",
            takes=takes,
        )


def _gates_of_ticks(
    gates: Gates, queues: Sequence[PolledQueue], clock: Clock, random: Random
) -> GatesOfTicks:
    from consumer.flow.gated import GatesOfTicks  # loaded here: without gates a cold start does not need it

    return GatesOfTicks(gates, [polled.queue for polled in queues], clock, random)
