"""A worker's world on virtual time, with tasks that obey their payload, and its process in real time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from tests.support import World, body_of

from shared.delivery import Batch, Delivery
from shared.ports.queue import Refused
from worker.process import LambdaProcess
from worker.result import Report
from worker.starts import MAX_STARTS
from zigzag import Backoff, Context, Reject, Retry, Task, task
from zigzag.in_place import run_in_place
from zigzag_testing.faults import Crash
from zigzag_testing.virtual_host import VirtualHost

ATTEMPTS = 3
SOON = 0.1
LONG = 30.0


class Bench(World):
    """A world with a worker, whose tasks obey: {"seconds": it takes, "raises": …, "crashes": …, …}.

    began -- which payloads' tasks were started, by their `n`, with the time in seconds.
    """

    def __init__(self, suffix: str = "") -> None:
        super().__init__(suffix)
        self._ordered = suffix == ".fifo"
        self._numbers = itertools.count()
        self.began: list[tuple[Any, float]] = []
        self.contexts: list[Context] = []
        self.host = VirtualHost()
        self.table = self._tasks()

    def work(self, *deliveries: Delivery, seconds_left: float = 900) -> list[Report]:
        """Runs one dispatch of these."""
        return self.run(self.working(*deliveries, seconds_left=seconds_left))

    def work_while(
        self, happens: Mapping[float, Callable[[], object]], *deliveries: Delivery
    ) -> list[Report]:
        """Runs one dispatch of these, during which that happens after so many seconds."""

        async def meanwhile() -> list[Report]:
            began = self.clock.now()
            working = asyncio.create_task(self.working(*deliveries))
            for at, do in happens.items():
                await self.clock.sleep(began + at - self.clock.now())
                do()
            return await working

        return self.run(meanwhile())

    async def working(self, *deliveries: Delivery, seconds_left: float = 900) -> list[Report]:
        self.host = VirtualHost()
        worker = self.worker(self.table, host=self.host)
        ends_at = self.clock.now() + seconds_left
        return await worker.work(Batch(deliveries), lambda: ends_at - self.clock.now())

    def imports_for(self, seconds: float) -> None:
        """Makes a task's module take so long to import, from now on."""
        self.table = _SlowTable(self.table, lambda: self.block(seconds))

    def kills_in(self, where: str) -> None:
        """Makes this part before the task `by_key` kill its process, from now on."""

        def kill(*_: object) -> Any:
            raise Crash

        if where == "import":
            self.table = _SlowTable(self.table, kill)
        elif where == "check":
            self.table["by_key"].parse = kill  # type: ignore[method-assign]
        else:
            by_key = self.table["by_key"]
            self.table["by_key"] = task(attempts=ATTEMPTS, idempotent=kill)(by_key.function)

    def put(self, *does: dict[str, Any]) -> None:
        """Sends messages to `plain` that do so, on a FIFO queue in one group. They are numbered from 0."""
        for what in does:
            n = next(self._numbers)
            options = {"group": "g", "deduplication_id": f"d{n}"} if self._ordered else {}
            self.send(body_of("plain", {"n": n, **what}), **options)

    def received(self, *does: dict[str, Any]) -> list[Delivery]:
        """Sends such messages, and receives them together."""
        self.put(*does)
        return self.receive()

    def crash(self, *deliveries: Delivery) -> None:
        """Runs one dispatch of these, whose process is killed."""
        with pytest.raises(Crash):
            self.work(*deliveries)

    def outcomes(self, deliveries: Sequence[Delivery]) -> list[str]:
        return [report.outcome for report in self.work(*deliveries)]

    def _tasks(self) -> dict[str, Task[Any, Any, Any]]:
        @task(attempts=ATTEMPTS, backoff=Backoff(first=10, longest=60))
        async def plain(payload: dict[str, Any], context: Context) -> None:
            await self._obey(payload, context)

        @task(attempts=ATTEMPTS, backoff=Backoff(first=10, longest=60), idempotent=True)
        async def once(payload: dict[str, Any], context: Context) -> None:
            await self._obey(payload, context)

        @task(attempts=ATTEMPTS, idempotent=lambda payload: payload["key"])
        async def by_key(payload: dict[str, Any], context: Context) -> None:
            await self._obey(payload, context)

        @task(attempts=MAX_STARTS + 10, backoff=Backoff(first=10, longest=60))
        async def stubborn(payload: dict[str, Any], context: Context) -> None:
            await self._obey(payload, context)

        return {one.name: one for one in (plain, once, by_key, stubborn)}

    async def _obey(self, payload: dict[str, Any], context: Context) -> None:
        self.began.append((payload.get("n"), self.seconds()))
        self.contexts.append(context)
        await asyncio.sleep(payload.get("seconds", 0))
        await _go_on(payload.get("goes on for", 0))
        if payload.get("must exit"):
            self.host.exit_reason = "its task left threads behind"
        if payload.get("crashes"):
            raise Crash
        if payload.get("raises"):
            raise ValueError("broken")
        if payload.get("rejects"):
            raise Reject("no")
        if "retries in" in payload:
            raise Retry("busy", after=payload["retries in"])


def note(world: World) -> dict[str, Any]:
    """Returns the note of the only dead letter."""
    (letter,) = world.dead_letters.messages
    value: dict[str, Any] = json.loads(letter.attributes["zigzag"]["StringValue"])
    return value


def refuse_to_extend(world: World, refused: Delivery) -> None:
    """Makes SQS extend the lease of this one no more, from now on."""
    change_visibility = world.queue.change_visibility

    async def refusing(asked: Sequence[Delivery], seconds: int, until: float = math.inf) -> list[Refused]:
        sound = [delivery for delivery in asked if delivery.message_id != refused.message_id]
        failed = await change_visibility(sound, seconds, until) if sound else []
        return failed + [Refused(one, "InvalidParameterValue", "") for one in asked if one not in sound]

    world.queue.change_visibility = refusing  # type: ignore[method-assign]


def kill_at(port: Any, method: str, *, after: bool = False) -> None:
    """Kills the process at the next call of a port's method, before or after its effect."""
    call = getattr(port, method)

    async def killed(*asked: Any) -> Any:
        setattr(port, method, call)
        if after:
            await call(*asked)
        raise Crash

    setattr(port, method, killed)


async def _go_on(seconds: float) -> None:
    """Takes so long, though it is interrupted. The end of its process ends it."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(seconds)
    await asyncio.sleep(max(0.0, ends - loop.time()))


class _SlowTable(dict[str, Task[Any, Any, Any]]):
    def __init__(self, table: Mapping[str, Task[Any, Any, Any]], look_up: Callable[[], None]) -> None:
        super().__init__(table)
        self._look_up = look_up

    def __getitem__(self, name: str) -> Task[Any, Any, Any]:
        self._look_up()
        return super().__getitem__(name)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture
def fifo() -> Iterator[Bench]:
    """Yields a bench on a FIFO queue."""
    bench = Bench(".fifo")
    yield bench
    bench.close()


@pytest.fixture
def process() -> Iterator[LambdaProcess]:
    process = LambdaProcess()
    yield process
    process.close()


def call(process: LambdaProcess, function: Callable[[], Any], seconds: float = LONG) -> Any:
    return run_in_place(process.call(function, seconds))


def status_of_a_child(run: Callable[[], int]) -> int:
    """Returns the status of a child process: that of `run`, unless something else ended it."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(run())
        finally:  # only if it did not end
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
