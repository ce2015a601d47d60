"""The event loop for tasks that are `async def`, one for the whole life of a process.

So a client that one task makes stays usable by the next: a client belongs to its loop.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from shared.errors import words
from worker.host import SoftDeadline, awaited
from worker.leftovers import end_a_child

if TYPE_CHECKING:
    import asyncio

CANCEL_SECONDS = 1.0
"""Time for a cancelled asyncio task to end, within the grace that an interrupted task has."""


_ERRORS: ContextVar[list[Exception]] = ContextVar("errors")
"""Errors of the asyncio tasks that a run has started."""


class Loop:
    """The event loop, made when the first task needs it.

    left -- names of the asyncio tasks of the last run that were cancelled and still go on.
    """

    def __init__(self) -> None:
        self.left: list[str] = []
        self._errors: list[Exception] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Returns the awaitable's result, once all asyncio tasks that it has started have ended.

        Raises the awaitable's error, or the first error of an asyncio task that it started and did not await;
        the others are cancelled then. A SoftDeadline names the asyncio tasks that were still pending. A
        SystemExit of one of them becomes a RuntimeError: it has stopped the loop in the middle.
        """
        import asyncio  # loaded here: only tasks that are `async def` need it
        from concurrent.futures import ThreadPoolExecutor

        if self._loop is None or self._loop.is_closed():  # a task may have closed it
            self._loop = asyncio.new_event_loop()
        loop, threads = self._loop, ThreadPoolExecutor(thread_name_prefix="asyncio")
        asyncio.set_event_loop(loop)
        loop.set_default_executor(threads)  # its threads end with the task
        loop.set_exception_handler(self._unheard)
        self._errors = []
        _ERRORS.set(self._errors)
        before = asyncio.all_tasks(loop)
        left: set[asyncio.Task[Any]] = set()
        leaving: list[SystemExit] = []
        try:
            result = loop.run_until_complete(_all_of(_noted(awaitable, leaving), left))
            threads.shutdown()
            if self._errors:
                raise self._errors[0]
        except SoftDeadline as deadline:
            still = sorted(_name(task) for task in left if not task.done())
            raise SoftDeadline(", ".join(still)[:200]).with_traceback(deadline.__traceback__) from None
        except SystemExit as error:
            if any(error is one for one in leaving):
                raise
            raise RuntimeError(f"what it started raised {words(error)}") from error
        finally:
            self._errors = []
            self.left = _cancelled(loop, before)
            threads.shutdown(wait=False, cancel_futures=True)
        return result

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handles an error that nobody awaited. It fails the run that started the asyncio task, if it goes
        on."""
        import asyncio

        task, error = context.get("future"), context.get("exception")
        started_by = task.get_context().get(_ERRORS) if isinstance(task, asyncio.Task) else None
        if started_by is self._errors and isinstance(error, Exception):
            self._errors.append(error)
        loop.default_exception_handler(context)

    def close(self) -> None:
        """Closes the event loop, for tests. The process of a function ends without it."""
        if self._loop is not None:
            self._loop.close()


async def _noted(awaitable: Awaitable[Any], leaving: list[SystemExit]) -> Any:
    """Returns the awaitable's result. Adds the SystemExit that it raises to `leaving`."""
    try:
        return await awaited(awaitable)
    except SystemExit as error:
        leaving.append(error)
        raise


async def _all_of(awaitable: Awaitable[Any], left: set[asyncio.Task[Any]]) -> Any:
    """Returns the result once all asyncio tasks that were started have ended. Adds those to `left`."""
    import asyncio

    before = asyncio.all_tasks()
    pid = os.getpid()
    try:
        result = await awaitable
    finally:
        end_a_child(pid)
    idle = False
    while not idle:
        if new := asyncio.all_tasks() - before:
            left |= new
            done, _ = await asyncio.wait(new, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error
        else:
            await asyncio.sleep(0)  # a callback that the loop runs next may start tasks, too
            idle = asyncio.all_tasks() <= before
    return result


def _cancelled(loop: asyncio.AbstractEventLoop, before: set[asyncio.Task[Any]]) -> list[str]:
    """Cancels all asyncio tasks except those in `before`, and those that they start meanwhile. Returns the
    names of those that still go on."""
    import asyncio

    ends = loop.time() + CANCEL_SECONDS
    while (tasks := asyncio.all_tasks(loop) - before) and (seconds := ends - loop.time()) > 0:
        for task in tasks:
            task.cancel()
        try:
            done, _ = loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))
        except SystemExit:  # raised by one of them: the run is over already
            continue
        for task in done:
            if not task.cancelled():
                task.exception()  # otherwise asyncio would log an error that was never retrieved
    return sorted(map(_name, tasks))


def _name(task: asyncio.Task[Any]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", task.get_name()))
