"""Virtual time, which passes only when all code waits: a test of an hour's backoff takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

THREAD_SECONDS = 10.0
"""Real time that a thread may work before it counts as hanging."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that moves its clock to the next due callback instead of waiting."""

    def __init__(self) -> None:
        self._virtual_now = 0.0
        super().__init__(_SkippingSelector(self))
        # asyncio's own resolution is too fine for a time of years: it would be rounded away, and nothing
        # would ever be due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual_now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Waits for threads without a limit: a time-out in virtual time would end at once."""
        await super().shutdown_default_executor()

    def skip(self, seconds: float) -> None:
        self._virtual_now += seconds


class _SkippingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None:
            self._loop.skip(max(0.0, timeout))
            return super().select(0)
        # Nothing is due, but a thread may be working in real time, as under asyncio.to_thread.
        ready = super().select(THREAD_SECONDS)
        if not ready:
            raise RuntimeError("nothing is due: all code waits for something that will never come")
        return ready


class VirtualClock:
    """The `Clock` port on a `VirtualTimeLoop`. Starts at `start`, in epoch seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: float = 1_800_000_000.0) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> float:
        return self._start + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SkewedClock:
    """The `Clock` port of a process whose clock is wrong by `seconds`."""

    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def now(self) -> float:
        return self._clock.now() + self._seconds

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


def virtual_runner() -> tuple[asyncio.Runner, VirtualClock]:
    """Returns a runner on virtual time and its clock. Close the runner. Raises RuntimeError in a loop."""
    if _in_a_loop():
        raise RuntimeError(_NOT_HERE)
    runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
    return runner, VirtualClock(runner.get_loop())


def run_to_its_end[R](runner: asyncio.Runner, coroutine: Coroutine[Any, Any, R]) -> R:
    """Runs the coroutine in the caller's context, with its outbox. Raises RuntimeError in a loop."""
    if _in_a_loop():
        coroutine.close()
        raise RuntimeError(_NOT_HERE)
    return runner.run(coroutine, context=copy_context())


def close(runner: asyncio.Runner) -> None:
    """Closes the runner, also in a loop."""
    if _in_a_loop():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(runner.close).result()
    else:
        runner.close()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


_NOT_HERE = (
    "virtual time has an event loop of its own, and another one runs here: use the sandbox in a plain `def` "
    "test, or, all of it in one function, by `asyncio.to_thread`"
)
