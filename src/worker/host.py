"""The port to the worker's process: it calls a task within a time limit, with heartbeats meanwhile.

On Lambda `process.py` implements it, by signals and a thread. In the sandbox it uses virtual time.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NoReturn, Protocol

from shared.errors import Interrupt
from worker.raised import INTERRUPTED, FunctionEndsError, OutOfTimeError, overdue
from zigzag import Context, Task

Sleep = Callable[[float], Awaitable[bool]]
"""Waits so many seconds. Returns True at once when it is time to stop."""


_NOT_RUN = (GeneratorType, AsyncGeneratorType, CoroutineType, map, filter)


class SoftDeadline(Interrupt):
    """Interrupts a task shortly before Lambda would end its process.

    It is no Exception, as many an `except Exception` would catch it, for example in logging. It is a
    KeyboardInterrupt, as event loops let that through. Its text names the asyncio tasks that were pending.
    """


class Host(Protocol):
    """The worker's process.

    exit_reason -- why the process must not run another task, or None.
    stop_reason -- why the running task is interrupted although its time is not over, or None. That is no
                   attempt.
    """

    exit_reason: str | None
    stop_reason: str | None

    async def prepare[R](self, function: Callable[[], R], seconds: float) -> R:
        """Calls the function and returns its result. Raises SoftDeadline after `seconds`."""

    async def call(self, function: Callable[[], Any], seconds: float) -> Any:
        """Calls a task and returns its result, awaited if necessary. Raises SoftDeadline after `seconds`."""

    def beside(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> AbstractAsyncContextManager[None]:
        """Runs `work` while a block runs. It begins with a sleep. After the block, its sleep tells it to
        stop. If it fails, or does not stop in time, the process must exit."""

    async def exit(self, reason: str) -> NoReturn:
        """Ends the process at once, with all its threads."""

    async def exited(self) -> NoReturn:
        """Waits until another thread has ended the process."""

    def memory_mb(self) -> int:
        """Returns the most memory that the process has had resident, since it began."""


async def awaited(result: Any) -> Any:
    """Returns a task's result, awaited until it is no awaitable any more."""
    before = None
    while isinstance(result, Awaitable) and result is not before:  # a client may return itself
        before, result = result, await result
    return result


async def in_time[R](call: Awaitable[R], timeout: float | None = None) -> R:
    """Returns the call's result. Raises OutOfTimeError in place of SoftDeadline, with its traceback.

    timeout -- the task's own timeout, if that ends the call. Without it the function's time does: a
               FunctionEndsError.
    """
    try:
        return await call
    except SoftDeadline as deadline:
        why = INTERRUPTED if timeout is None else overdue(timeout)
        pending = f"; it had returned, but not what it had started: {deadline}" if str(deadline) else ""
        error = FunctionEndsError if timeout is None else OutOfTimeError
        raise error(why + pending).with_traceback(deadline.__traceback__) from None


def traced(context: Context) -> AbstractContextManager[Any]:
    """Returns the block in which a task runs: in a span, if the process makes spans."""
    if "opentelemetry.trace" not in sys.modules:
        return nullcontext()
    from worker.observers.trace import Traced

    return Traced(context)


async def call(task: Task[Any, Any, Any], payload: Any, context: Context, host: Host, seconds: float) -> Any:
    """Runs one attempt, and returns what the task returned.

    Raises the task's error, OutOfTimeError after `seconds` or its own timeout, and TypeError if it returned a
    generator, whose code has not run. A task that ends by `sys.exit()` has succeeded.
    """
    own = task.policy.timeout
    limit = seconds if own is None else min(own, seconds)
    arguments = (payload, context) if task.wants_context else (payload,)
    try:
        with traced(context):
            result = await in_time(host.call(lambda: task(*arguments), limit), own if limit == own else None)
    except SystemExit as leaving:
        if leaving.code is not None and leaving.code != 0:
            raise
        return None
    several = (
        result.values() if type(result) is dict else result if type(result) in (list, tuple, set) else ()
    )
    if kinds := [type(one).__name__ for one in (result, *several) if type(one) in _NOT_RUN]:
        kind = kinds[0].removeprefix("async_")
        raise TypeError(f"{task.name} returned a {kind}, whose code has not run; return nothing")
    return result
