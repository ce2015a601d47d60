"""How is a task's code called? With its payload, and a context if it asks for one, until the deadline."""

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType
from typing import Any

from worker.host import Host
from zigzag import Context, Task


async def call(task: Task[Any, Any, Any], payload: Any, context: Context, host: Host, seconds: float) -> None:
    """Runs one attempt.

    Raises what the task raises, SoftDeadline after `seconds`, and TypeError if it returned something that has
    still to be run.
    """
    result = await host.call(lambda: task(payload, context) if task.wants_context else task(payload), seconds)
    if isinstance(result, GeneratorType | AsyncGeneratorType):
        raise TypeError(f"{task.name} returned a generator, whose code has not run; return nothing")
