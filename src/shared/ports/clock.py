"""The port of the clock, and this machine's clock."""

from __future__ import annotations

from time import time
from typing import Protocol


class Clock(Protocol):
    """Time, in epoch seconds."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class WallClock:
    """Wall-clock time. Its sleep needs an event loop."""

    def now(self) -> float:
        return time()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # not loaded by the worker, which never sleeps

        await asyncio.sleep(seconds)
