"""The `Clock` port on this machine's clock."""

from __future__ import annotations

import time


class WallClock:
    """Wall-clock time; sleeping needs an event loop."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # not loaded by the worker, which never sleeps

        await asyncio.sleep(seconds)
