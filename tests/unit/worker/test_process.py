"""The worker's process on Lambda: a signal interrupts the task, a thread beats beside it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from worker.host import Sleep, SoftDeadline
from worker.process import LambdaProcess
from zigzag.in_place import run_in_place

SOON = 0.05
LONG = 30.0


def call(process: LambdaProcess, function: Callable[[], Any], seconds: float = LONG) -> Any:
    return run_in_place(process.call(function, seconds))


def spin() -> None:
    """What only a signal interrupts."""
    while True:
        time.sleep(0.01)


def test_what_the_function_returns_is_returned() -> None:
    assert call(LambdaProcess(), lambda: 7) == 7


def test_a_function_that_takes_too_long_is_interrupted() -> None:
    process = LambdaProcess()

    with pytest.raises(SoftDeadline):
        call(process, spin, SOON)
    assert process.exit_reason == "its task was interrupted"


def test_its_finally_runs() -> None:
    cleaned = []

    def task() -> None:
        try:
            spin()
        finally:
            cleaned.append(True)

    with pytest.raises(SoftDeadline):
        call(LambdaProcess(), task, SOON)
    assert cleaned == [True]


def test_an_except_of_exceptions_does_not_swallow_the_interrupt() -> None:
    def stubborn() -> None:
        for _ in range(100):  # and then gives up, so that this test fails and does not hang
            try:
                logging.getLogger("stubborn").debug("%s", "busy")
                time.sleep(0.01)
            except Exception:
                logging.getLogger("stubborn").debug("goes on")

    with pytest.raises(SoftDeadline):
        call(LambdaProcess(), stubborn, SOON)


@pytest.mark.parametrize("busy", [True, False], ids=["its loop is busy", "its loop waits"])
def test_an_async_function_is_interrupted_too(busy: bool) -> None:
    cleaned = []

    async def task() -> None:
        try:
            if busy:
                spin()
            await asyncio.sleep(LONG)
        finally:
            cleaned.append(True)

    with pytest.raises(SoftDeadline):
        call(LambdaProcess(), task, SOON)
    assert cleaned == [True]


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt])
def test_what_is_no_exception_fails_the_task_and_not_the_process(error: type[BaseException]) -> None:
    def task() -> None:
        raise error

    with pytest.raises(RuntimeError, match=f"the task raised {error.__name__}, which is no Exception"):
        call(LambdaProcess(), task)


def test_no_interrupt_comes_after_the_function() -> None:
    process = LambdaProcess()

    call(process, lambda: None, SOON)
    time.sleep(2 * SOON)

    assert process.exit_reason is None
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_function_that_fails_leaves_no_timer_behind() -> None:
    def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        call(LambdaProcess(), fail, LONG)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_after_a_thread_that_outlives_its_task_the_process_must_exit() -> None:
    process, leave = LambdaProcess(), threading.Event()
    thread = threading.Thread(target=leave.wait, name="forgotten")

    call(process, thread.start)

    leave.set()
    thread.join()
    assert process.exit_reason == "its task left threads behind: forgotten"


def test_threads_that_were_there_before_and_daemons_do_not() -> None:
    process, leave = LambdaProcess(), threading.Event()
    before = threading.Thread(target=leave.wait)
    before.start()
    daemon = threading.Thread(target=leave.wait, daemon=True)

    call(process, daemon.start)

    leave.set()
    before.join()
    daemon.join()
    assert process.exit_reason is None


def test_the_memory_is_in_megabytes() -> None:
    of_the_machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**2

    assert 4 < LambdaProcess().memory_mb() < of_the_machine


class TestBeside:
    """What runs beside a task does so in a thread of its own, and has ended when it was stopped."""

    def test_it_sleeps_and_goes_on(self) -> None:
        beaten = threading.Event()

        async def work(sleep: Sleep) -> None:
            while not await sleep(0.01):
                beaten.set()

        beside = LambdaProcess().beside(work)
        assert beaten.wait(LONG)
        run_in_place(beside.stop())

    def test_it_is_woken_to_stop(self) -> None:
        stopped = []

        async def work(sleep: Sleep) -> None:
            stopped.append(await sleep(LONG))

        process = LambdaProcess()
        run_in_place(process.beside(work).stop())

        assert stopped == [True]
        assert process.exit_reason is None

    def test_after_one_that_hangs_the_process_must_exit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("worker.process.JOIN_SECONDS", SOON)
        process, leave = LambdaProcess(), threading.Event()

        async def work(sleep: Sleep) -> None:
            leave.wait()

        run_in_place(process.beside(work).stop())

        leave.set()
        assert process.exit_reason == "a heartbeat hangs"
