"""Virtual time, which passes only when all code waits: a test of an hour's backoff takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any

THREAD_SECONDS = 10.0
"""How long a thread may work, in real time, until time passes all the same; where nothing else is due, it
counts as something that will not come."""

_PARTS: ContextVar[list[asyncio.Future[Any]] | None] = ContextVar("parts", default=None)


@contextmanager
def parts_of_a_task(parts: list[asyncio.Future[Any]]) -> Iterator[None]:
    """Adds the asyncio tasks, and the calls in threads, that the block's code starts."""
    token = _PARTS.set(parts)
    try:
        yield
    finally:
        _PARTS.reset(token)


def _noted[F: asyncio.Future[Any]](part: F) -> F:
    if (parts := _PARTS.get()) is not None:
        parts.append(part)
    return part


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that, instead of waiting, moves its clock to when the next thing is due.

    threads_at_work -- under `asyncio.to_thread`, in real time: no virtual time passes meanwhile.
    """

    def __init__(self) -> None:
        self.threads_at_work = 0
        self._virtual_now = 0.0
        super().__init__(_SkippingSelector(self))
        # asyncio's own resolution is too fine for a time of years: it would be rounded away, and nothing
        # would ever be due.
        self._clock_resolution = 1e-6
        self.set_task_factory(lambda loop, coro, **named: _noted(asyncio.Task(coro, loop=loop, **named)))

    def time(self) -> float:
        return self._virtual_now

    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio's own; a pool of somebody's own has threads that may wait for virtual time."""
        future = _noted(super().run_in_executor(executor, func, *args))
        if executor is None:
            self.threads_at_work += 1
            future.add_done_callback(self._one_less_at_work)
        return future

    def _one_less_at_work(self, _: object) -> None:
        self.threads_at_work -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Waits for threads without a limit: a time-out in virtual time would end at once."""
        await super().shutdown_default_executor()

    def call_later[*Ts](
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's own; but what is due within the resolution runs before time passes. Two that wait for
        less in turn, as what was rounded away, would keep time from passing at all."""
        delay = max(delay, self._clock_resolution) if delay > 0 else delay
        return super().call_later(delay, callback, *args, context=context)

    def skip(self, seconds: float) -> None:
        self._virtual_now += seconds


class _SkippingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # A look costs more than most steps do, and finds nothing if only the loop's own pipe is watched: what
        # a thread says is in the loop already.
        watches_nothing = len(self.get_map()) <= 1
        if timeout == 0 and watches_nothing:
            return []
        if timeout is None or (timeout > 0 and self._loop.threads_at_work):
            # Nothing is due before a thread says something, in real time.
            ready = super().select(THREAD_SECONDS)
            if ready:
                return ready
        if timeout is None:
            raise RuntimeError("nothing is due: all code waits for something that will never come")
        self._loop.skip(max(0.0, timeout))
        return [] if watches_nothing else super().select(0)


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
