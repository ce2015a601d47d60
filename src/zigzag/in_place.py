"""How is asynchronous code run where nothing ever waits? In place, without an event loop.

The worker does one thing after the other, on ports that block; loading asyncio for that would make
every cold start slower. Its coroutines never suspend, so one step runs them to the end.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any


def run_in_place[R](coroutine: Coroutine[Any, Any, R]) -> R:
    """The coroutine's result. Raises RuntimeError if it waits for something: then it needs an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} waited for something; only ports that block can be used in place")
