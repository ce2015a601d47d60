"""The sandbox's consumer function: its processes, their speed, and the consumers that one of them starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from consumer.consumer import Consumer, PolledQueue
from consumer.flow.lately import Lately
from consumer.linger import Lingering
from consumer.others import Others
from shared.ports.clock import Clock
from shared.ports.workers import Answer, Workers
from zigzag_testing.faults import Faults
from zigzag_testing.memory_lambda import MemoryLambda
from zigzag_testing.process_ports import ConsumerPorts
from zigzag_testing.quotas import Quotas

SCHEDULED = {"source": "aws.events"}
"""The event of a scheduled tick."""

CONSUMER_TIMEOUT_SECONDS = 90


class Parameters(NamedTuple):
    """The consumer's parameters of the stack, and the most dispatches a second of one process; None = no
    limit."""

    linger_seconds: float
    watch_always: bool
    in_flight_cap: int
    keep_percent: int
    max_consumers: int
    speed: float | None


class ConsumerFunction:
    """The function. As on Lambda, a run gets a free process, or a new one if none is free.

    Of several it gets the one that was used last. A process that crashes, or that Lambda ends, is gone.

    run -- runs a consumer with an event that another one has sent.
    """

    def __init__(
        self,
        run: Callable[[Any], Awaitable[Any]],
        clock: Clock,
        random: Random,
        faults: Faults,
        quotas: Quotas,
        parameters: Parameters,
    ) -> None:
        self._run = run
        self._clock = clock
        self._random = random
        self._parameters = parameters
        self._free: list[tuple[Lingering, Lately]] = []
        self._lambda = MemoryLambda(
            self._handle, clock, timeout_seconds=CONSUMER_TIMEOUT_SECONDS, faults=faults, quotas=quotas
        )

    def forget(self) -> None:
        """Ends all free processes, as a deployment does."""
        self._free.clear()

    @contextmanager
    def one(self, polled: Sequence[PolledQueue], ports: ConsumerPorts, clock: Clock) -> Iterator[Consumer]:
        """Yields the consumer of a process, wired as in its app.

        polled -- the queues, with these ports.
        clock  -- the process's.
        """
        parameters = self._parameters
        new = Lingering(parameters.linger_seconds, watch_always=parameters.watch_always), Lately()
        lingering, lately = remembered = self._free.pop() if self._free else new
        paced = self._paced()
        yield Consumer(
            [each if each.workers is None else each._replace(workers=paced(each.workers)) for each in polled],
            paced(ports.workers),
            clock,
            self._random,
            lingering=lingering,
            lately=lately,
            in_flight_cap=parameters.in_flight_cap,
            keep_percent=parameters.keep_percent,
            gates=ports.gates,
            others=self._others(ports, clock),
        )
        self._free.append(remembered)

    async def finish(self) -> None:
        """Waits for the consumers that were started."""
        await self._lambda.finish()

    def _others(self, ports: ConsumerPorts, clock: Clock) -> Others | None:
        """Returns what starts others, or None if there is one consumer only."""
        if self._parameters.max_consumers == 1 or ports.records is None:
            return None
        return Others(self._lambda, ports.records, clock, self._random, most=self._parameters.max_consumers)

    def _paced(self) -> Callable[[Workers], Workers]:
        """Returns what makes workers such as one process can invoke."""
        if self._parameters.speed is None:
            return lambda workers: workers
        processor = Processor(self._clock, self._parameters.speed)
        return lambda workers: Paced(workers, processor)

    async def _handle(self, event: Any, seconds_left: Callable[[], float]) -> None:
        await self._run(event)


class Processor:
    """The processor of a process, which needs some time for each dispatch.

    speed -- dispatches a second.
    """

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._seconds_each = 1 / speed
        self._free_at = 0.0

    async def work(self, dispatches: int) -> None:
        """Waits until so many more dispatches are made."""
        self._free_at = max(self._free_at, self._clock.now()) + dispatches * self._seconds_each
        await asyncio.sleep(self._free_at - self._clock.now())


class Paced:
    """The `Workers` port of a process with that processor."""

    def __init__(self, workers: Workers, processor: Processor) -> None:
        self._workers = workers
        self._processor = processor

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        await self._processor.work(len(events))
        return await self._workers.dispatch(events)
