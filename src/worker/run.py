"""How is a task's code run? In the main thread, here and now; an `async def` is awaited."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from zigzag import Context, Task

Finish = Callable[[Awaitable[Any]], Awaitable[Any]]
"""How an awaitable that a task returned is brought to its end."""


async def run(task: Task[Any, Any, Any], payload: Any, context: Context, finish: Finish) -> None:
    """Runs one attempt.

    Raises what the task raises, and TypeError if it returned something that has still to be run.
    """
    result = task(payload, context) if task.wants_context else task(payload)
    if inspect.isawaitable(result):
        result = await finish(result)
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise TypeError(f"{task.name} returned a generator, whose code has not run; return nothing")


async def in_a_loop_of_its_own(awaitable: Awaitable[Any]) -> Any:
    """Awaits in a new event loop: for a worker that has none."""
    import asyncio  # only tasks that are `async def` pay for it

    async def result() -> Any:
        return await awaitable

    try:
        return asyncio.run(result())
    except asyncio.CancelledError as error:  # no Exception, and nobody but the task itself can have raised it
        raise RuntimeError("the task was cancelled from inside") from error
