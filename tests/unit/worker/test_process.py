"""The worker's process on Lambda: a signal interrupts the task, a thread beats meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.unit.worker.conftest import LONG, SOON, call, status_of_a_child

from shared import log
from worker import alarm
from worker.host import Sleep, SoftDeadline
from worker.process import LambdaProcess
from zigzag.in_place import run_in_place


def spin() -> None:
    """Goes on for ever: only a signal interrupts it."""
    while True:
        time.sleep(0.01)


def fail() -> None:
    raise ValueError("broken")


def start(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Starts it, and keeps no reference to it."""
    return asyncio.get_running_loop().create_task(coroutine)


async def fail_at_once() -> None:
    raise ValueError("not sent")


async def leave_after(seconds: float) -> None:
    await asyncio.sleep(seconds)
    sys.exit(0)


async def its_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_a_function_that_takes_too_long_is_interrupted(process: LambdaProcess) -> None:
    with pytest.raises(SoftDeadline):
        call(process, spin, SOON)
    assert process.exit_reason == "its task was interrupted"


def test_a_task_is_interrupted_when_its_process_is_told_to_stop(process: LambdaProcess) -> None:
    """Another thread tells it, while the task's own time is not over."""

    def task() -> None:
        threading.Thread(target=process.stop, args=("its server stops",)).start()
        for _ in range(500):  # and then gives up, so that this test fails and does not hang
            time.sleep(0.01)

    with pytest.raises(SoftDeadline):
        call(process, task)
    assert process.stop_reason == "its server stops"


def test_a_process_that_is_told_to_stop_between_two_tasks_goes_on(process: LambdaProcess) -> None:
    process.stop("its server stops")

    assert call(process, lambda: None) is None


def test_an_except_of_exceptions_does_not_swallow_the_interrupt(process: LambdaProcess) -> None:
    def stubborn() -> None:
        for _ in range(100):  # and then gives up, so that this test fails and does not hang
            try:
                logging.getLogger("stubborn").debug("%s", "busy")
                time.sleep(0.01)
            except Exception:
                logging.getLogger("stubborn").debug("goes on")

    with pytest.raises(SoftDeadline):
        call(process, stubborn, SOON)


@pytest.mark.parametrize("busy", [True, False], ids=["its loop is busy", "its loop waits"])
def test_an_async_function_is_interrupted_too(process: LambdaProcess, busy: bool) -> None:
    async def task() -> None:
        if busy:
            spin()
        await asyncio.sleep(LONG)

    with pytest.raises(SoftDeadline):
        call(process, task, SOON)


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt])
@pytest.mark.parametrize(
    "step", [LambdaProcess.call, LambdaProcess.prepare], ids=["the task", "what comes before the task"]
)
def test_an_error_that_is_no_exception_fails_the_task_and_not_the_process(
    process: LambdaProcess, step: Any, error: type[BaseException]
) -> None:
    def task() -> None:
        raise error

    with pytest.raises(RuntimeError, match=f"raised {error.__name__}, which is no Exception"):
        run_in_place(step(process, task, LONG))
    assert process.exit_reason is None


def test_an_interrupt_in_a_group_of_errors_is_one(process: LambdaProcess) -> None:
    def task() -> None:  # as trio and anyio do
        try:
            spin()
        except KeyboardInterrupt as error:
            raise BaseExceptionGroup("of a nursery", [ValueError("broken"), error]) from None

    with pytest.raises(SoftDeadline):
        call(process, task, SOON)
    assert process.exit_reason == "its task was interrupted"


@pytest.mark.parametrize("task", [int, fail], ids=["that returned", "that failed"])
def test_no_interrupt_comes_after_a_function(process: LambdaProcess, task: Callable[[], Any]) -> None:
    with contextlib.suppress(ValueError):
        call(process, task, SOON)
    time.sleep(2 * SOON)

    assert process.exit_reason is None


def test_after_a_thread_that_outlives_its_task_the_process_must_exit(process: LambdaProcess) -> None:
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait, name="forgotten")

    call(process, thread.start)

    leave.set()
    thread.join()
    assert process.exit_reason == "its task left threads behind: forgotten"


def test_threads_that_were_there_before_and_daemons_do_not(process: LambdaProcess) -> None:
    leave = threading.Event()
    before, daemon = (threading.Thread(target=leave.wait, daemon=daemon) for daemon in (False, True))
    before.start()

    call(process, daemon.start)

    leave.set()
    before.join()
    daemon.join()
    assert process.exit_reason is None


def test_the_memory_is_in_megabytes(process: LambdaProcess) -> None:
    of_the_machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**2

    assert 4 < process.memory_mb() < of_the_machine


class TestBeside:
    """Code that runs during a block does so in a thread of its own, and has ended after it."""

    def ran(
        self, process: LambdaProcess, work: Callable[[Sleep], Any], does: Callable[[], object] = int
    ) -> None:
        async def block() -> None:
            async with process.beside(work):
                does()

        run_in_place(block())

    def test_it_sleeps_and_goes_on(self, process: LambdaProcess) -> None:
        beaten = threading.Event()

        async def work(sleep: Sleep) -> None:
            while not await sleep(0.01):
                beaten.set()

        self.ran(process, work, lambda: beaten.wait(LONG))

        assert beaten.is_set()

    def test_its_thread_is_there_before_the_task_can_prevent_it(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        beaten = threading.Event()

        async def work(sleep: Sleep) -> None:
            await sleep(SOON)
            beaten.set()

        def refuse(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        self.ran(process, work)
        monkeypatch.setattr("worker.alarm.start_new_thread", refuse)
        beaten.clear()
        self.ran(process, work, lambda: beaten.wait(LONG))

        assert beaten.is_set()

    def test_a_short_block_has_no_thread_to_wait_for(self, process: LambdaProcess) -> None:
        stopped_in = []

        async def work(sleep: Sleep) -> None:
            await sleep(LONG)
            stopped_in.append(threading.get_ident())

        self.ran(process, work)

        assert stopped_in == [threading.get_ident()]

    def test_one_within_another_has_a_thread_of_its_own(self, process: LambdaProcess) -> None:
        threads = []

        async def work(sleep: Sleep) -> None:
            await sleep(0)
            threads.append(threading.get_ident())
            both.wait(LONG)

        both = threading.Barrier(3)
        self.ran(process, work, lambda: self.ran(process, work, lambda: both.wait(LONG)))

        assert len({*threads, threading.get_ident()}) == 3

    def test_after_one_that_failed_the_process_must_exit(self, process: LambdaProcess) -> None:
        began = threading.Event()

        async def work(sleep: Sleep) -> None:
            await sleep(0)
            began.set()
            fail()

        self.ran(process, work, lambda: began.wait(LONG))

        assert process.exit_reason == "a heartbeat failed: ValueError: broken"

    def test_it_is_woken_to_stop(self, process: LambdaProcess) -> None:
        stopped = []

        async def work(sleep: Sleep) -> None:
            stopped.append(await sleep(LONG))

        self.ran(process, work)

        assert (stopped, process.exit_reason) == ([True], None)

    def test_after_one_that_hangs_the_process_must_exit(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.process.JOIN_SECONDS", SOON)
        hangs, leave = threading.Event(), threading.Event()

        async def work(sleep: Sleep) -> None:
            await sleep(0)
            hangs.set()
            leave.wait(LONG)

        self.ran(process, work, lambda: hangs.wait(LONG))

        leave.set()
        assert process.exit_reason == "a heartbeat hangs"


class TestAlarm:
    """The deadline is the worker's: what a task does with SIGALRM is its own business."""

    def test_a_task_with_an_alarm_of_its_own_is_interrupted(self, process: LambdaProcess) -> None:
        def task() -> None:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            spin()

        with pytest.raises(SoftDeadline):
            call(process, task, SOON)

    def test_an_alarm_of_its_own_rings_for_a_part_of_its_work(self, process: LambdaProcess) -> None:
        rang = []

        def task() -> None:
            signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
            signal.setitimer(signal.ITIMER_REAL, SOON)
            while not rang:
                time.sleep(0.01)

        call(process, task)
        assert process.exit_reason is None

    def test_one_that_swallows_the_interrupt_is_interrupted_again(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(alarm, "AGAIN_SECONDS", SOON)
        swallowed = []

        def task() -> None:
            for _ in range(100):  # and then gives up, so that this test fails and does not hang
                try:
                    time.sleep(SOON / 2)
                except KeyboardInterrupt:
                    if len(swallowed) == 2:
                        raise
                    swallowed.append(True)

        with pytest.raises(SoftDeadline):
            call(process, task, SOON)

    @pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
    def test_its_finally_is_not_interrupted_again(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
    ) -> None:
        monkeypatch.setattr(alarm, "AGAIN_SECONDS", SOON / 5)
        cleaned = []

        def clean() -> None:
            for _ in range(15):
                with contextlib.suppress(ValueError):  # errors of its own do not matter
                    time.sleep(SOON / 5)
                    raise ValueError
            cleaned.append(True)

        def plain() -> None:
            try:
                spin()
            finally:
                clean()

        async def waits() -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                await asyncio.sleep(0)
                clean()

        with pytest.raises(SoftDeadline):
            call(process, waits if asynchronous else plain, SOON)
        assert cleaned == [True]

    def test_a_shorter_time_after_a_longer_one_is_kept(self, process: LambdaProcess) -> None:
        call(process, int, LONG)

        with pytest.raises(SoftDeadline):
            call(process, spin, SOON)


class TestLoop:
    """All tasks that are async share a loop, and leave nothing pending in it."""

    def test_the_next_one_has_the_same_loop(self, process: LambdaProcess) -> None:
        assert call(process, its_loop) is call(process, its_loop)

    def test_a_loop_that_was_closed_is_replaced(self, process: LambdaProcess) -> None:
        call(process, its_loop).close()

        assert not call(process, its_loop).is_closed()

    def test_a_part_that_it_did_not_await_ends_before_it_does(self, process: LambdaProcess) -> None:
        sent = []

        async def later() -> None:
            await asyncio.sleep(SOON)
            sent.append(True)
            start(last())

        async def last() -> None:
            sent.append(True)

        async def task() -> None:
            start(later())

        call(process, task)
        assert (sent, process.exit_reason) == ([True, True], None)

    def test_an_error_that_it_has_dealt_with_is_none(self, process: LambdaProcess) -> None:
        async def task() -> bool:
            one = start(fail_at_once())
            await asyncio.wait([one])
            return one.exception() is not None

        assert call(process, task)

    def test_a_part_that_is_pending_at_the_deadline_is_named_and_cancelled(
        self, process: LambdaProcess
    ) -> None:
        cleaned = []

        async def the_mail() -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                cleaned.append(True)

        async def task() -> None:
            start(the_mail())

        with pytest.raises(SoftDeadline, match=r"the_mail$"):
            call(process, task, SOON)
        assert (cleaned, process.exit_reason) == ([True], "its task was interrupted")

    def test_the_parts_of_a_failed_task_are_cancelled(self, process: LambdaProcess) -> None:
        """That which it starts when it is cancelled included."""
        started: list[asyncio.Task[None]] = []

        async def later() -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                started.append(start(asyncio.sleep(LONG)))

        async def task() -> None:
            started.append(start(later()))
            await asyncio.sleep(0)
            fail()

        with pytest.raises(ValueError, match="broken"):
            call(process, task)
        assert [one.cancelled() for one in started] == [True, True]
        assert process.exit_reason is None

    def test_after_what_swallows_its_cancellation_the_process_must_exit(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.loop.CANCEL_SECONDS", SOON)
        kept: list[asyncio.Task[None]] = []

        async def stubborn() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(LONG)
            await asyncio.sleep(SOON * 3)

        async def task() -> None:
            kept.append(start(stubborn()))
            await asyncio.sleep(0)
            fail()

        with pytest.raises(ValueError, match="broken"):
            call(process, task)
        kept[0].get_loop().run_until_complete(kept[0])
        assert str(process.exit_reason).startswith("what its task started goes on though it was cancelled: ")
        assert "stubborn" in str(process.exit_reason)

    def test_one_that_leaves_by_sys_exit_leaves_the_loop_as_it_was(self, process: LambdaProcess) -> None:
        with pytest.raises(SystemExit):
            call(process, lambda: leave_after(0))

        assert call(process, lambda: asyncio.sleep(0, 7)) == 7

    @pytest.mark.parametrize("how", ["it waits for it", "it goes on", "it has ended"])
    def test_a_part_that_leaves_by_sys_exit_fails_it(self, process: LambdaProcess, how: str) -> None:
        """It is aborted then, in the middle of its work: that is no success."""

        async def task() -> None:
            started = start(leave_after(SOON))
            if how == "it waits for it":
                await started
            elif how == "it goes on":
                await asyncio.sleep(LONG)

        with pytest.raises(RuntimeError, match="what it started raised SystemExit: 0"):
            call(process, task)

    def test_a_part_that_leaves_when_it_is_cancelled_makes_a_failure_no_success(
        self, process: LambdaProcess
    ) -> None:
        async def leave() -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                sys.exit(0)

        async def task() -> None:
            start(leave())
            await asyncio.sleep(0)
            fail()

        with pytest.raises(ValueError, match="broken"):
            call(process, task)
        assert process.exit_reason is None

    def test_its_threads_have_ended_with_it(self, process: LambdaProcess) -> None:
        results = [call(process, lambda: asyncio.to_thread(int, "7")) for _ in range(2)]

        assert (results, process.exit_reason) == ([7, 7], None)


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only a child can be looked at")
class TestTheWorkerItselfFails:
    """Its process ends at once: the next message finds another one."""

    @pytest.mark.parametrize(
        "error", [KeyboardInterrupt(), UnspeakableError()], ids=lambda error: type(error).__name__
    )
    def test_by_any_error(self, process: LambdaProcess, error: BaseException) -> None:
        assert status_of_a_child(lambda: process.end_after(error, "the-request")) == 1

    def test_though_its_log_fails(self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise SystemExit(7)

        monkeypatch.setattr(log, "write", refuse)

        assert status_of_a_child(lambda: process.end_after(RuntimeError("replaced"), None)) == 1


def test_a_timer_whose_thread_can_not_be_started_starts_one_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    timer, rang = alarm.Timer(), threading.Event()
    with monkeypatch.context() as tasks_have_used_them_up:
        tasks_have_used_them_up.setattr(alarm, "start_new_thread", refuse)
        with pytest.raises(RuntimeError):
            timer.set(time.monotonic(), rang.set)

    timer.set(time.monotonic(), rang.set)

    assert rang.wait(10)
    timer.clear()
