"""Time that passes only when everybody waits: an hour of backoff takes no time to test."""

from __future__ import annotations

import asyncio
import selectors


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that, instead of waiting, moves its clock to when the next thing is due."""

    def __init__(self) -> None:
        self._virtual_now = 0.0
        super().__init__(_SkippingSelector(self))
        # asyncio's own is too fine for a time of years: rounded away, and nothing would ever be due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual_now

    def skip(self, seconds: float) -> None:
        self._virtual_now += seconds


class _SkippingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is due, ever: everything waits for something that will not come")
        self._loop.skip(max(0.0, timeout))
        return super().select(0)


class VirtualClock:
    """The `Clock` port on a `VirtualTimeLoop`. Starts at `start`, in epoch seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: float = 1_800_000_000.0) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> float:
        return self._start + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def virtual_runner() -> tuple[asyncio.Runner, VirtualClock]:
    """A runner on virtual time, and its clock. Close the runner when done."""
    runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
    return runner, VirtualClock(runner.get_loop())
