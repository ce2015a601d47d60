"""Runs coroutines without an event loop, for code that never waits.

The worker's ports block, so its coroutines never suspend, and one step runs them to the end. To load asyncio
for that would make every cold start slower.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any


def run_in_place[R](coroutine: Coroutine[Any, Any, R]) -> R:
    """Runs a coroutine and returns its result. Raises RuntimeError if the coroutine waits for something."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} waited for something; only ports that block can be used in place")
