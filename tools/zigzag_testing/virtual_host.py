"""The worker's process on virtual time: the `Host` port of the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from worker.host import Sleep, SoftDeadline, awaited
from worker.process import as_exception
from zigzag_testing.blocking import interrupted_after
from zigzag_testing.faults import PROCESS, Crash, Faults
from zigzag_testing.virtual_time import parts_of_a_task

MEMORY_MB = 64


class VirtualHost:
    """A process in which an `async def` task may take time. Other code takes time only by `block`. An error
    that is no Exception fails a task, but for a KeyboardInterrupt: it may be the developer's.

    at_first_line -- called just before a task's code begins.
    """

    def __init__(
        self, faults: Faults | None = None, *, at_first_line: Callable[[], None] = lambda: None
    ) -> None:
        self.exit_reason: str | None = None
        self.stop_reason: str | None = None
        self._faults = faults or Faults.none()
        self._at_first_line = at_first_line

    async def prepare[R](self, function: Callable[[], R], seconds: float) -> R:
        self._note_if_it_ends()
        return self._interrupted(function, seconds, "what comes before the task")

    async def call(self, function: Callable[[], Any], seconds: float) -> Any:
        if self._faults.strike("crash of a task"):
            raise Crash
        self._note_if_it_ends()
        self._at_first_line()
        result = await self._in_time(self._interrupted(function, seconds), seconds)
        if self._faults.strike("crash of a task"):  # after its effect
            raise Crash
        return result

    def _note_if_it_ends(self) -> None:
        if self.exit_reason is not None:
            self._faults.too_late.append((PROCESS.get(), self.exit_reason))

    def _interrupted[R](self, function: Callable[[], R], seconds: float, whose: str = "the task") -> R:
        try:
            with interrupted_after(seconds), _without_the_loop():
                return function()
        except SoftDeadline:
            self.exit_reason = "its task was interrupted"
            raise
        except (asyncio.CancelledError, GeneratorExit) as error:
            if _ends():
                raise
            raise as_exception(error, whose) from error

    async def _in_time(self, result: Any, seconds: float) -> Any:
        if not isinstance(result, Awaitable):
            return result
        limit = asyncio.timeout(max(0.0, seconds))
        parts: list[asyncio.Future[Any]] = []
        try:
            async with limit:
                with parts_of_a_task(parts):
                    returned = await awaited(result)
                while left := [part for part in parts if not part.done()]:
                    await asyncio.wait(left, return_when=asyncio.FIRST_EXCEPTION)
                    _raise_unheard(parts)
                _raise_unheard(parts)
                return returned
        except asyncio.CancelledError as error:
            if _ends():
                raise
            raise as_exception(error, "the task") from error
        except TimeoutError:
            if not limit.expired():
                raise
            self.exit_reason = "its task was interrupted"
            raise SoftDeadline from None
        finally:
            for part in parts:  # of a task that has failed
                part.cancel()

    def beside(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> _Beside:
        return _Beside(work)

    async def exit(self, reason: str) -> NoReturn:
        raise Crash

    async def exited(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    def memory_mb(self) -> int:
        """Returns MEMORY_MB: the memory of the test's own process must not matter."""
        return MEMORY_MB


def _raise_unheard(parts: Iterable[asyncio.Future[Any]]) -> None:
    """Raises an error of a part that nobody has awaited, as a worker does."""
    for part in parts:
        if part.done() and getattr(part, "_log_traceback", False) and (error := part.exception()):
            raise error


def _ends() -> bool:
    """Returns whether the invocation is at its end, so that a cancellation is not the task's own."""
    ours = asyncio.current_task()
    return ours is not None and ours.cancelling() > 0


@contextmanager
def _without_the_loop() -> Iterator[None]:
    """Hides the sandbox's event loop, as a worker has none where code is not `async def`: asyncio.run works
    there, and Django's ORM does not refuse."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)


class _Beside:
    def __init__(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._work(self._sleep))
        self._invocation = asyncio.current_task()
        self._task.add_done_callback(self._end)

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        if not _ends():
            await self._task
            return
        # It is killed, and so is its call that is under way.
        self._task.remove_done_callback(self._end)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def _end(self, task: asyncio.Task[None]) -> None:
        """Ends the invocation if the process crashed in the heartbeats' thread."""
        if not task.cancelled() and isinstance(task.exception(), Crash) and self._invocation is not None:
            self._invocation.cancel()

    async def _sleep(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True
