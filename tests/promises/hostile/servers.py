"""A server's processes in a hostile world: they serve its queues, next to Lambda's workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from random import Random

from server.flows import flows_of
from server.serving import Serving
from shared.delivery import Batch, to_event
from shared.lease import MAX_RUN_SECONDS
from zigzag_testing import Sandbox
from zigzag_testing.faults import PROCESS, Crash
from zigzag_testing.virtual_time import SkewedClock

START_SECONDS = 1.0
"""Time in which the supervisor starts another process in the place of one that has ended."""

CLOCKS_DIFFER_SECONDS = 5.0


class Stop:
    asked = False


class Servers:
    """Processes, each of which serves one queue: the first one the first queue, and so on.

    ended -- how many have ended, by whatever cause.
    """

    def __init__(self, sandbox: Sandbox, number: int, seconds: float = MAX_RUN_SECONDS) -> None:
        self.ended = 0
        self._sandbox = sandbox
        self._seconds = seconds
        self._stops = [Stop() for _ in range(number)]
        self._processes: dict[int, asyncio.Task[None]] = {}
        self._broken: list[BaseException] = []
        self._supervisors: list[asyncio.Task[None]] = []
        sandbox._do(self._begin())

    def kill(self, number: int) -> None:
        """Ends a process in whatever it does, as SIGKILL does."""
        process = self._processes.get(number % len(self._stops))
        if process is not None:
            self._sandbox._do(self._cancel(process))

    def drain(self, number: int) -> None:
        """Asks a process to stop, as the supervisor does after SIGTERM. Another one takes its place."""
        self._stops[number % len(self._stops)].asked = True

    def end(self) -> None:
        """Ends them all. Raises the error of a process that failed otherwise than by a fault."""
        self._sandbox._do(self._end())
        if self._broken:
            raise self._broken[0]

    async def _begin(self) -> None:
        for number in range(len(self._stops)):
            self._supervisors.append(asyncio.create_task(self._supervise(number)))

    async def _cancel(self, process: asyncio.Task[None]) -> None:
        process.cancel()
        await asyncio.wait([process])

    async def _end(self) -> None:
        for supervisor in self._supervisors:
            supervisor.cancel()
        for process in self._processes.values():
            await self._cancel(process)

    async def _supervise(self, number: int) -> None:
        while True:
            self._stops[number] = stop = Stop()
            process = self._processes[number] = asyncio.create_task(self._serve(number, stop))
            await asyncio.wait([process])
            self.ended += 1
            error = None if process.cancelled() else process.exception()
            if error is not None and not isinstance(error, Crash):
                self._broken.append(error)
            await self._sandbox.clock.sleep(START_SECONDS)

    async def _serve(self, number: int, stop: Stop) -> None:
        sandbox = self._sandbox
        PROCESS.set(next(sandbox.workers._processes))
        clock = SkewedClock(sandbox.clock, sandbox.faults.skew(CLOCKS_DIFFER_SECONDS))
        with sandbox._consumer_ports() as ports:
            queues = sandbox._stack.polled(ports, sandbox.workers_of)
            polled = queues[number % len(queues)]
            random = Random(number)
            serving = Serving(
                polled.messages,
                polled.dead_letters,
                flows_of(polled.queue, ports.gates, clock, random),
                self._work,
                clock,
                random,
                stop,
                seconds=self._seconds,
            )
            await serving.run()

    async def _work(self, batch: Batch, seconds_left: Callable[[], float]) -> None:
        """Works the batch as an invocation does, whose events the trail knows."""
        workers = self._sandbox.workers
        PROCESS.set(next(workers._processes))
        await workers._handler(json.loads(to_event(batch)), seconds_left)
