"""What does the worker need of the process that it runs in? To call a task in time, and to beat beside it.

On Lambda that is `process.py`: signals and a thread. In the sandbox it is virtual time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from types import AsyncGeneratorType, GeneratorType
from typing import Any, NoReturn, Protocol

from worker.outcome import OutOfTimeError
from zigzag import Context, Task

Sleep = Callable[[float], Awaitable[bool]]
"""Waits so many seconds; True at once when it is time to stop."""


class SoftDeadline(KeyboardInterrupt):
    """Interrupts a task shortly before Lambda would end its process.

    No Exception: those are swallowed by many an `except` on the way, logging's own among them. And of what is
    none, KeyboardInterrupt is what event loops let through.
    """


class Beside(Protocol):
    """What runs beside a task."""

    async def stop(self) -> None:
        """Asks it to stop, and waits until it has; if it does not, the process must exit."""


class Host(Protocol):
    """The process.

    exit_reason -- why it must not run another task, or None.
    """

    exit_reason: str | None

    async def prepare[R](self, function: Callable[[], R], seconds: float) -> R:
        """What the function returns. Raises SoftDeadline after `seconds`."""

    async def call(self, function: Callable[[], Any], seconds: float) -> Any:
        """What a task returns, awaited if it must be. Raises SoftDeadline after `seconds`."""

    def beside(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> Beside:
        """Starts `work`, which stops when its sleep says so."""

    async def exit(self, reason: str) -> NoReturn:
        """Ends the process here and now, whatever its other threads do."""

    async def exited(self) -> NoReturn:
        """Waits until another thread has ended the process."""

    def memory_mb(self) -> int:
        """The most memory that the process has had resident, since it began."""


async def in_time[R](call: Awaitable[R]) -> R:
    """What the call returns. Raises OutOfTimeError in place of SoftDeadline, with where the code was."""
    try:
        return await call
    except SoftDeadline as deadline:
        raise OutOfTimeError().with_traceback(deadline.__traceback__) from None


async def call(task: Task[Any, Any, Any], payload: Any, context: Context, host: Host, seconds: float) -> None:
    """Runs one attempt.

    Raises what the task raises, OutOfTimeError after `seconds`, and TypeError if it returned something that
    has still to be run.
    """
    result = await in_time(
        host.call(lambda: task(payload, context) if task.wants_context else task(payload), seconds)
    )
    if isinstance(result, GeneratorType | AsyncGeneratorType):
        raise TypeError(f"{task.name} returned a generator, whose code has not run; return nothing")
