"""The `Host` port on Lambda's process: an alarm interrupts the task, and a thread sends the heartbeats."""

from __future__ import annotations

import logging
import os
import sys
from _thread import allocate_lock
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import copy_context
from math import inf
from os import getpid
from resource import RUSAGE_SELF, getrusage
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any, NoReturn

from shared import log
from shared.errors import name, words
from worker.alarm import Alarm, Timer
from worker.deadline import HARD_SECONDS
from worker.host import Sleep, SoftDeadline
from worker.leftovers import Before, end_a_child, own_digits, worn_out

if TYPE_CHECKING:
    from worker.loop import Loop

ALARM = Alarm()

JOIN_SECONDS = 5.0
"""Most time that we wait for a beat under way to end, if the time of the function allows it."""


class LambdaProcess:
    """This process, whose main thread runs the tasks.

    memory_mb   -- the memory that it may use, its `limit_mb`; 0 if it is not known.
    exit_status -- the status with which it ends itself.
    """

    def __init__(self, memory_mb: int | None = None, exit_status: int = 1) -> None:
        self._exit_status = exit_status
        self.exit_reason: str | None = None
        self.stop_reason: str | None = None
        self.seconds_left: Callable[[], float] = lambda: inf
        self.timers: list[Timer] = []  # those that no block uses now
        self._loop: Loop | None = None  # made when the first task needs it
        self._environ = os.environ  # kept: a task may put another in its place
        of_lambda = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 0)
        self.limit_mb = of_lambda if memory_mb is None else memory_mb

    def begin(self, seconds_left: Callable[[], float]) -> None:
        """Begins an invocation, which ends when no seconds are left."""
        self.seconds_left = seconds_left

    def ends_at(self) -> float:
        """Returns when the invocation ends, in epoch seconds."""
        return time() + self.seconds_left()

    def stop(self, reason: str) -> None:
        """Interrupts the task that runs now, if one does. Another thread calls it, until the process ends."""
        self.stop_reason = reason
        ALARM.ring()

    async def prepare[R](self, function: Callable[[], R], seconds: float) -> R:
        pid = getpid()
        try:
            with ALARM.after(seconds):
                return function()
        except SoftDeadline:
            self.exit_reason = "the import or a check of its task was interrupted"
            raise
        except (Exception, SystemExit):
            raise
        except BaseException as error:  # otherwise the process would end, and no task would have failed
            raise as_exception(error, "what comes before the task") from error
        finally:
            end_a_child(pid)

    async def call(self, function: Callable[[], Any], seconds: float) -> Any:
        returned = False
        result = before = None
        try:
            before = Before(self._environ)
        except Exception as error:  # of what an earlier task has broken
            self.exit_reason = f"what was there before its task can't be told: {words(error)}"
        try:
            with ALARM.after(seconds):
                result = copy_context().run(self._run, function)
                returned = True
        except SoftDeadline:
            self.exit_reason = "its task was interrupted"
            if not returned:  # otherwise it was done just before
                raise
        except (Exception, SystemExit):
            raise
        except BaseExceptionGroup as group:
            if group.subgroup(SoftDeadline) is None:
                raise as_exception(group, "the task") from group
            self.exit_reason = "its task was interrupted"
            raise SoftDeadline().with_traceback(group.__traceback__) from group
        except BaseException as error:  # such as a cancellation: the task fails, the process goes on
            raise as_exception(error, "the task") from error
        finally:
            self.exit_reason = self._reason_to_end(before)
        return result

    def _reason_to_end(self, before: Before | None) -> str | None:
        """Puts back what a task changed. Never raises: the task has not failed by that."""
        try:  # in this order: the rest needs the limits that were there before
            left = (before and before.put_back()) or (self._loop and self._loop.unfit())
            return left or self.exit_reason or worn_out(self.memory_mb(), self.limit_mb)
        except BaseException as error:
            return f"what its task changed can't be put back: {words(error)}"

    def _run(self, function: Callable[[], Any]) -> Any:
        own_digits()
        pid = getpid()
        try:
            result = function()
            return self._awaited(result, pid) if isinstance(result, Awaitable) else result
        finally:
            end_a_child(pid)

    def _awaited(self, result: Awaitable[Any], pid: int) -> Any:
        from worker.loop import Loop  # with asyncio, which makes a cold start slower

        self._loop = self._loop or Loop()
        return self._loop.run(result, pid)

    def beside(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> _Beside:
        return _Beside(work, self)

    async def exit(self, reason: str) -> NoReturn:
        self.exit_reason = reason
        self.end_if_it_must()
        raise AssertionError("the process has not ended")

    async def exited(self) -> NoReturn:
        while True:
            sleep(1)

    def memory_mb(self) -> int:
        """Returns the kernel's figure for this process alone; Lambda's also counts other processes.

        It is at least the memory that the parent process had at the fork, which is little on Lambda.
        """
        most = getrusage(RUSAGE_SELF).ru_maxrss
        return round(most / (1024 * 1024 if sys.platform == "darwin" else 1024))

    def end_after(self, error: BaseException, request: str | None) -> NoReturn:
        """Ends the process after an error of the worker itself.

        request -- Lambda's id of the invocation, to find Lambda's own lines by.
        """
        try:
            log.write(logging.ERROR, "the worker failed", error=error, request=request)
            log.flush()
        finally:  # even if a task has broken the log
            os._exit(self._exit_status)

    def end_if_it_must(self) -> None:
        """Ends the process if `exit_reason` is set, and logs that. Does not wait for a task's threads."""
        if self.exit_reason is not None:
            try:
                log.write(logging.WARNING, "this environment ends", reason=self.exit_reason)
                log.flush()
            finally:
                os._exit(self._exit_status)

    def close(self) -> None:
        """Closes the event loop, for tests. The process of a function ends without it."""
        if self._loop is not None:
            self._loop.close()


def as_exception(error: BaseException, whose: str) -> RuntimeError:
    """Returns the error of a task that has raised one that is no Exception, and fails."""
    return RuntimeError(f"{whose} raised {name(error)}, which is no Exception")


class _Beside:
    """Runs work from sleep to sleep: the first step, and the last one after the block, in the block's thread.
    Only if a sleep is over before that, the work goes on in a timer's thread, until its end."""

    def __init__(self, work: Callable[[Sleep], Coroutine[Any, Any, None]], process: LambdaProcess) -> None:
        self._process = process
        self._work = work
        self._turn = allocate_lock()  # acquired by the thread that goes on
        self._stopping, self._ended = allocate_lock(), allocate_lock()
        self._stopping.acquire()
        self._ended.acquire()

    async def __aenter__(self) -> None:
        timers = self._process.timers
        self._timer = timers.pop() if timers else Timer()
        self._steps = self._work(_Pause)
        self._timer.set(monotonic() + self._steps.send(None), self._go_on)

    async def __aexit__(self, *_: object) -> None:
        self._timer.clear()
        if self._turn.acquire(blocking=False):
            self._stop()
        else:
            self._stopping.release()
            left = max(0.5, self._process.seconds_left() - HARD_SECONDS)  # one that sleeps has to wake up
            if not self._ended.acquire(timeout=min(JOIN_SECONDS, left)):
                self._process.exit_reason = "a heartbeat hangs"
                return
        self._process.timers.append(self._timer)

    def _stop(self) -> None:
        with suppress(StopIteration):
            while True:
                self._steps.send(True)

    def _go_on(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            with suppress(StopIteration):
                seconds = self._steps.send(False)
                while not self._stopping.acquire(timeout=max(0.0, seconds)):
                    seconds = self._steps.send(False)
                self._stop()
        except BaseException as error:
            self._process.exit_reason = f"a heartbeat failed: {words(error)}"
        finally:
            self._timer.clear()
            self._ended.release()


class _Pause:
    """One sleep of work: the thread that goes on with it gets the seconds, and says if it is time to stop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __await__(self) -> Generator[float, bool, bool]:
        return (yield self._seconds)
