"""The event loop of a process, for tasks that are `async def`. Only they load this module.

So a client that one task makes stays usable by the next: a client belongs to its loop.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, ContextVar
from traceback import walk_tb
from typing import Any
from weakref import WeakSet

from shared.errors import forget_frames, words
from worker.host import SoftDeadline, awaited
from worker.leftovers import end_a_child

CANCEL_SECONDS = 1.0
"""Time for a cancelled asyncio task to end, within the grace that an interrupted task has."""


_RUN: ContextVar[_Run] = ContextVar("run")
"""The run of the code that runs now. A timer of an earlier run still belongs to that run."""


class Loop:
    """The event loop, made when the first task needs it."""

    def __init__(self) -> None:
        self._left: str | None = None
        self._debug = False
        self._run: _Run | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kept: WeakSet[Any] = WeakSet()

    def run(self, awaitable: Awaitable[Any], pid: int) -> Any:
        """Returns the awaitable's result, once all asyncio tasks that it has started have ended.

        Raises the awaitable's error, or one of a part that nobody awaited; the others are cancelled then.
        A SoftDeadline names the pending parts. A part's SystemExit, which stops the loop, is a RuntimeError.
        A forked child, whose process is not `pid`, ends here.
        """
        if self._loop is None or self._loop.is_closed():  # a task may have closed it
            self._loop = self._made()
        loop = self._loop
        self._run = run = _Run(loop)
        _RUN.set(run)
        threads = ThreadPoolExecutor(None, "asyncio", _RUN.set, (run,))
        asyncio.set_event_loop(loop)
        loop.set_default_executor(threads)  # its threads end with the task
        loop.set_exception_handler(self._unheard)
        loop.set_task_factory(self._task)
        loop.set_debug(self._debug)
        try:
            result = self._completed(loop, loop.create_task(run.whole(awaitable, pid)))
            threads.shutdown()
        except SoftDeadline as deadline:
            still = _names(run.pending()) if run.returned else ""
            run.main = None
            raise SoftDeadline(still).with_traceback(deadline.__traceback__) from None
        except SystemExit as error:
            if error is run.leaving:
                raise
            raise RuntimeError(f"what it started raised {words(error)}") from error
        finally:
            run.hear()
            self._run = self._left = None
            if run.main is not None and not run.main.done():
                self._left = "its event loop was stopped in the middle"
            if names := _cancelled(loop) or self._closed(loop, run):
                self._left = f"what its task started goes on though it was cancelled: {names}"
            threads.shutdown(wait=False, cancel_futures=True)
        return result

    def unfit(self) -> str | None:
        """Returns why the next task can't use the loop, or None. Raises an error of the loop's next turn."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
        return self._left

    def _made(self) -> asyncio.AbstractEventLoop:
        loop: Any = asyncio.new_event_loop()
        self._debug = loop.get_debug()
        call = loop.run_in_executor
        loop.run_in_executor = lambda *given, **named: self._noted(call(*given, **named))
        stop = loop.stop
        loop.stop = lambda: None if self._is_foreign() else stop()
        return loop  # type: ignore[no-any-return]

    def _completed(self, loop: asyncio.AbstractEventLoop, main: asyncio.Task[Any]) -> Any:
        """Returns the result of a run's main task. No callback of an earlier run ends it by an exit."""
        while not main.done():
            try:
                return loop.run_until_complete(main)
            except SoftDeadline:
                raise
            except (SystemExit, KeyboardInterrupt) as error:
                context = _raised_in(error)
                if context is None or context.get(_RUN, self._run) is self._run:
                    raise
                message = f"a callback of an earlier task raised {words(error)}"
                loop.call_exception_handler({"message": message, "exception": error})
        return main.result()

    def _is_foreign(self) -> bool:
        """Returns whether a callback of an earlier run calls this, while another one runs."""
        return self._run is not None and _RUN.get(self._run) is not self._run

    def _closed(self, loop: asyncio.AbstractEventLoop, run: _Run) -> str:
        """After a failure, closes the asynchronous generators that only errors and cycles hold: Python would
        do that in a later run. Returns the names of what goes on."""
        error, begun = sys.exception(), getattr(loop, "_asyncgens", self._kept)
        if error is None or isinstance(error, SoftDeadline) or not begun - self._kept:
            return ""
        for one in (error, *run.errors):
            forget_frames(one)
        gc.collect()
        with suppress(SystemExit):  # raised by one of them: the run is over already
            loop.run_until_complete(_others())
        self._kept = begun.copy()  # by a client, for later tasks
        return _cancelled(loop)

    def _task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **named: Any) -> asyncio.Future[Any]:
        return self._noted(asyncio.Task(coroutine, loop=loop, **named))

    def _noted(self, part: asyncio.Future[Any]) -> asyncio.Future[Any]:
        if (run := _RUN.get(self._run)) is not None:
            run.started.add(part)
        return part

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handles an error that nobody awaited, in the context of the task or the callback that raised it."""
        run, error = self._run, context.get("exception")
        is_a_part = "future" in context or "handle" in context  # a transport that closes badly is none
        if run is not None and error is not None and is_a_part and _RUN.get(run) is run:
            run.errors.append(error)
        loop.default_exception_handler(context)

    def close(self) -> None:
        """Closes the event loop, for tests. The process of a function ends without it."""
        if self._loop is not None:
            self._loop.close()


class _Run:
    """A run, with the parts that it starts.

    started  -- its parts: asyncio tasks, and calls in threads.
    errors   -- errors of parts and of callbacks that nobody awaited.
    returned -- whether the task has returned, and only its parts go on.
    leaving  -- the SystemExit that the task raised.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.started: WeakSet[asyncio.Future[Any]] = WeakSet()
        self.errors: list[BaseException] = []
        self.returned = False
        self.leaving: SystemExit | None = None
        self.main: asyncio.Task[Any] | None = None
        self._loop = loop

    async def whole(self, awaitable: Awaitable[Any], pid: int) -> Any:
        """Returns the awaitable's result, once its parts have ended. Raises its SystemExit only then, too."""
        self.main = asyncio.current_task()
        result = None
        try:
            try:
                result = await awaited(awaitable)
            finally:
                end_a_child(pid)
        except SystemExit as error:
            self.leaving = error
            if error.code:  # the task failed
                raise
        self.returned = True
        await self.rest()
        if self.leaving is not None:
            raise self.leaving
        return result

    async def rest(self) -> None:
        """Waits for all parts. Raises an error that nobody awaited."""
        idle = False
        while not idle:
            if parts := self.pending():
                await asyncio.wait(parts, return_when=asyncio.FIRST_EXCEPTION)
            else:
                await asyncio.sleep(0)  # a callback that the loop runs next may start more
                idle = not self.pending()
            self.hear()
            if self.errors:
                raise self.errors[0]

    def pending(self) -> set[asyncio.Future[Any]]:
        """Returns the parts that have not ended."""
        tasks = {one for one in asyncio.all_tasks(self._loop) if one.get_context().get(_RUN, self) is self}
        return {one for one in tasks.union(self.started) if not one.done() and one is not self.main}

    def hear(self) -> None:
        """Handles errors of parts now. asyncio would report them only when Python frees the parts."""
        for one in list(self.started):
            if one.done() and not one.cancelled() and getattr(one, "_log_traceback", False):
                error = one.exception()
                if not isinstance(error, SystemExit | KeyboardInterrupt):  # these the loop itself has raised
                    message = f"nobody awaited {_name(one)}"
                    self._loop.call_exception_handler({"message": message, "exception": error, "future": one})


def _cancelled(loop: asyncio.AbstractEventLoop) -> str:
    """Cancels all asyncio tasks, and those that they start then. Returns the names of those that go on."""
    ends = loop.time() + CANCEL_SECONDS
    while (tasks := asyncio.all_tasks(loop)) and (seconds := ends - loop.time()) > 0:
        for task in tasks:
            task.cancel()
        try:
            done, _ = loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))
        except SystemExit:  # raised by one of them: the run is over already
            continue
        for task in done:
            if not task.cancelled():
                task.exception()  # otherwise asyncio would log an error that was never retrieved
    return _names(tasks)


async def _others() -> None:
    """Waits for the tasks that asyncio makes of the ends of generators."""
    await asyncio.sleep(0)
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others, timeout=CANCEL_SECONDS)


def _raised_in(error: BaseException) -> Context | None:
    """Returns the context of the callback that raised the error, or None if the loop's code has no frame."""
    of_the_frames: Iterable[Any] = (frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__))
    return next((one.get_context() for one in of_the_frames if issubclass(type(one), asyncio.Handle)), None)


def _names(parts: Iterable[asyncio.Future[Any]]) -> str:
    return ", ".join(sorted(map(_name, parts)))[:200]


def _name(part: asyncio.Future[Any]) -> str:
    coroutine = getattr(part, "get_coro", None)
    return str(getattr(coroutine and coroutine(), "__qualname__", "a call in a thread"))
