"""The `Host` port on Lambda's process: a timer's signal interrupts the task, a thread beats beside it."""

from __future__ import annotations

import logging
import math
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from shared import log
from worker.host import Sleep, SoftDeadline
from zigzag.in_place import run_in_place

JOIN_SECONDS = 5.0
"""How long a beat that is under way may take to end."""


class LambdaProcess:
    """This process, whose main thread runs the tasks."""

    def __init__(self) -> None:
        self.exit_reason: str | None = None
        self.seconds_left: Callable[[], float] = lambda: math.inf

    def begin(self, seconds_left: Callable[[], float]) -> None:
        """An invocation begins, which ends when no seconds are left."""
        self.seconds_left = seconds_left

    def ends_at(self) -> float:
        """When the invocation ends, in epoch seconds."""
        return time.time() + self.seconds_left()

    async def prepare[R](self, function: Callable[[], R], seconds: float) -> R:
        try:
            with _interrupted_after(seconds):
                return function()
        except SoftDeadline:
            self.exit_reason = "the import or a check of its task was interrupted"
            raise

    async def call(self, function: Callable[[], Any], seconds: float) -> Any:
        before = set(threading.enumerate())
        returned = False
        result = None
        try:
            with _interrupted_after(seconds):
                result = function()
                if isinstance(result, Awaitable):
                    result = _in_a_loop_of_its_own(result)
                returned = True
        except SoftDeadline:
            self.exit_reason = "its task was interrupted"
            if not returned:  # else it was done in the moment before
                raise
        except (Exception, SystemExit):
            raise
        except BaseException as error:  # a cancellation, say: the task's failure, and not this process's end
            raise RuntimeError(f"the task raised {type(error).__name__}, which is no Exception") from error
        finally:
            self._note_threads_since(before)
        return result

    def beside(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> _Thread:
        return _Thread(work, self)

    async def exit(self, reason: str) -> NoReturn:
        log.write(logging.WARNING, "this environment ends", reason=reason)
        sys.stdout.flush()
        os._exit(1)

    async def exited(self) -> NoReturn:
        while True:
            time.sleep(1)

    def memory_mb(self) -> int:
        """As the kernel counts for this process alone: Lambda counts what runs beside it as well.

        It is at least what the process that started this one had by then, which is little on Lambda.
        """
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(most / (1024 * 1024 if sys.platform == "darwin" else 1024))

    def _note_threads_since(self, before: Collection[object]) -> None:
        new = [thread.name for thread in threading.enumerate() if thread not in before and not thread.daemon]
        if new:
            self.exit_reason = f"its task left threads behind: {', '.join(new)[:200]}"


class _Thread:
    def __init__(self, work: Callable[[Sleep], Coroutine[Any, Any, None]], process: LambdaProcess) -> None:
        self._process = process
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: run_in_place(work(self._sleep)), daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        self._thread.join(JOIN_SECONDS)
        if self._thread.is_alive():
            self._process.exit_reason = "a heartbeat hangs"

    async def _sleep(self, seconds: float) -> bool:
        return self._stopping.wait(max(0.0, seconds))


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Raises SoftDeadline in the main thread after `seconds`, unless the block has ended."""
    if threading.current_thread() is not threading.main_thread():  # only there Python handles signals
        yield
        return
    armed = True

    def interrupt(*_: object) -> None:
        if armed:
            raise SoftDeadline

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))
    try:
        yield
    finally:
        armed = False  # first: a signal between this line and the next does nothing
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _in_a_loop_of_its_own(awaitable: Awaitable[Any]) -> Any:
    import asyncio  # only tasks that are `async def` pay for it

    async def result() -> Any:
        return await awaitable

    return asyncio.run(result())
