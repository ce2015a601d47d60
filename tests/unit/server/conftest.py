"""A server's process on virtual time, with tasks that take the time that their payload says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.support import World, body_of

from server.flows import flows_of
from server.serving import Serving
from shared.delivery import Batch
from shared.lease import MAX_RUN_SECONDS
from shared.queues import DEFAULT, TaskQueue
from worker.result import Report
from zigzag import Backoff, Context, Task, task
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.virtual_host import VirtualHost


class Stop:
    asked = False


class Served(World):
    """A queue that processes of a server serve. A payload may say that the task takes `seconds`, or `raises`.

    began, ended -- the names in the payloads, with the seconds since the world began.
    most         -- most tasks that ran at the same time.
    stop_reason  -- why a task is interrupted when its time is over, if not because of its time.
    """

    def __init__(self, suffix: str = "", *, flow_control: bool = False) -> None:
        super().__init__(suffix)
        self.began: list[tuple[Any, float]] = []
        self.ended: list[tuple[Any, float]] = []
        self.reports: list[Report] = []
        self.stop = Stop()
        self.stop_reason: str | None = None
        self.gates = MemoryGates() if flow_control else None
        self.most = self._running = 0
        self._serving: list[asyncio.Task[None]] = []

    def put(self, *names: Any, task: str = "takes", **payload: Any) -> None:
        for name in names:
            fifo = self.queue.url.endswith(".fifo")
            options = {"group": "g", "deduplication_id": str(name)} if fifo else {}
            self.send(body_of(task, {"name": name, **payload}), **options)

    def process(self, seconds: float = MAX_RUN_SECONDS, poll_seconds: int = 20) -> Serving:
        """Makes one more process."""
        queue = TaskQueue(DEFAULT, self.queue.url, self.dead_letters.url)
        return Serving(
            self.queue,
            self.dead_letters,
            flows_of(queue, self.gates, self.clock, self.random),
            self._work,
            self.clock,
            self.random,
            self.stop,
            seconds=seconds,
            poll_seconds=poll_seconds,
        )

    async def _work(self, batch: Batch, seconds_left: Callable[[], float]) -> None:
        gates = None if self.gates is None else (self.gates, self.gates)
        host = VirtualHost()
        host.stop_reason = self.stop_reason
        worker = self.worker(self._table(), host=host, gates=gates)
        self.reports += await worker.work(batch, seconds_left)

    def serve(self, seconds: float, *processes: Serving) -> None:
        """Serves for so long. They go on in the next call."""

        async def serving() -> None:
            self._serving += [asyncio.create_task(one.run()) for one in processes]
            await self.clock.sleep(seconds)
            for one in self._serving:
                if one.done():
                    one.result()

        self.run(serving())

    def end(self) -> float:
        """Asks all processes to stop. Returns after how many seconds the last one has ended."""

        async def ending() -> None:
            await asyncio.gather(*self._serving)

        self.stop.asked = True
        asked_at = self.seconds()
        self.run(ending())
        self._serving.clear()
        return self.seconds() - asked_at

    def operate(self, call: Callable[[MemoryGates], Awaitable[object]]) -> None:
        """Changes the queue's gate, as an operator does."""
        assert self.gates is not None

        async def operating() -> None:
            await call(self.gates)  # type: ignore[arg-type]

        self.run(operating())

    def outcomes(self) -> list[str]:
        return [report.outcome for report in self.reports]

    def _table(self) -> dict[str, Task[Any, Any, Any]]:
        @task(attempts=3, backoff=Backoff(first=10, longest=60))
        async def takes(payload: dict[str, Any], context: Context) -> None:
            await self._takes(payload)

        @task(attempts=3, idempotent=True)
        async def takes_once(payload: dict[str, Any], context: Context) -> None:
            await self._takes(payload)

        @task(attempts=3, timeout=3600)
        async def takes_an_hour_at_most(payload: dict[str, Any], context: Context) -> None:
            await self._takes(payload)

        return {one.name: one for one in (takes, takes_once, takes_an_hour_at_most)}

    async def _takes(self, payload: dict[str, Any]) -> None:
        self.began.append((payload["name"], self.seconds()))
        self._running += 1
        self.most = max(self.most, self._running)
        try:
            await asyncio.sleep(payload.get("seconds", 0))
        finally:
            self._running -= 1
        if payload.get("raises"):
            raise ValueError("broken")
        self.ended.append((payload["name"], self.seconds()))

    def close(self) -> None:
        for one in self._serving:
            one.cancel()
        super().close()


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.close()


@pytest.fixture
def gated() -> Iterator[Served]:
    """Yields a queue with a gate."""
    served = Served(flow_control=True)
    yield served
    served.close()


@pytest.fixture
def fifo() -> Iterator[Served]:
    served = Served(".fifo")
    yield served
    served.close()
