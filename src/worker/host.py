"""What does the worker need of the process that it runs in? To call a task in time, and to beat beside it.

On Lambda that is `process.py`: signals and a thread. In the sandbox it is virtual time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import AsyncGeneratorType, GeneratorType
from typing import Any, NoReturn, Protocol

from shared.errors import Interrupt
from worker.raised import INTERRUPTED, FunctionEndsError, OutOfTimeError
from zigzag import Context, Task

Sleep = Callable[[float], Awaitable[bool]]
"""Waits so many seconds; True at once when it is time to stop."""


class SoftDeadline(Interrupt):
    """Interrupts a task shortly before Lambda would end its process.

    No Exception: those are swallowed by many an `except` on the way, logging's own among them. Of the other
    base exceptions, event loops let KeyboardInterrupt through. Its text names what the task had left pending.
    """


class Host(Protocol):
    """The process.

    exit_reason -- why it must not run another task, or None.
    """

    exit_reason: str | None

    async def prepare[R](self, function: Callable[[], R], seconds: float) -> R:
        """What the function returns. Raises SoftDeadline after `seconds`."""

    async def call(self, function: Callable[[], Any], seconds: float) -> Any:
        """What a task returns, awaited if it must be. Raises SoftDeadline after `seconds`."""

    def beside(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> AbstractAsyncContextManager[None]:
        """Runs `work` beside a block. After it, asks `work` to stop by its sleep, and waits until it has; if
        it does not, the process must exit."""

    async def exit(self, reason: str) -> NoReturn:
        """Ends the process here and now, whatever its other threads do."""

    async def exited(self) -> NoReturn:
        """Waits until another thread has ended the process."""

    def memory_mb(self) -> int:
        """The most memory that the process has had resident, since it began."""


async def in_time[R](call: Awaitable[R], timeout: float | None = None) -> R:
    """What the call returns. Raises OutOfTimeError in place of SoftDeadline, with where the code was.

    timeout -- the task's own, if that is what ends the call; else it is the function's, a FunctionEndsError.
    """
    try:
        return await call
    except SoftDeadline as deadline:
        why = INTERRUPTED if timeout is None else f"took longer than its timeout of {timeout:g} s"
        pending = f"; it had returned, but not what it had started: {deadline}" if str(deadline) else ""
        error = FunctionEndsError if timeout is None else OutOfTimeError
        raise error(why + pending).with_traceback(deadline.__traceback__) from None


async def call(task: Task[Any, Any, Any], payload: Any, context: Context, host: Host, seconds: float) -> None:
    """Runs one attempt.

    Raises what the task raises, OutOfTimeError after `seconds` or its own timeout, and TypeError if it
    returned something that has still to be run. A task that leaves by `sys.exit()` is done.
    """
    own = task.policy.timeout
    limit = seconds if own is None else min(own, seconds)
    arguments = (payload, context) if task.wants_context else (payload,)
    try:
        result = await in_time(host.call(lambda: task(*arguments), limit), own if limit == own else None)
    except SystemExit as leaving:
        if leaving.code is not None and leaving.code != 0:
            raise
        return
    if isinstance(result, GeneratorType | AsyncGeneratorType):
        raise TypeError(f"{task.name} returned a generator, whose code has not run; return nothing")
