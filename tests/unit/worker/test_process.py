"""The worker's process on Lambda: a signal interrupts the task, a thread beats beside it."""

from __future__ import annotations

import asyncio
import contextlib
import decimal
import locale
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from worker import alarm, leftovers
from worker.host import Sleep, SoftDeadline
from worker.leftovers import worn_out
from worker.process import LambdaProcess
from zigzag.in_place import run_in_place

SOON = 0.05
LONG = 30.0


@pytest.fixture
def process() -> Iterator[LambdaProcess]:
    process = LambdaProcess()
    yield process
    process.close()


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
def test_an_async_function_is_interrupted_too(process: LambdaProcess, busy: bool) -> None:
    cleaned = []

    async def task() -> None:
        try:
            if busy:
                spin()
            await asyncio.sleep(LONG)
        finally:
            cleaned.append(True)

    with pytest.raises(SoftDeadline):
        call(process, task, SOON)
    assert cleaned == [True]


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt])
def test_what_is_no_exception_fails_the_task_and_not_the_process(error: type[BaseException]) -> None:
    def task() -> None:
        raise error

    with pytest.raises(RuntimeError, match=f"the task raised {error.__name__}, which is no Exception"):
        call(LambdaProcess(), task)


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt])
def test_nor_does_it_before_the_task(error: type[BaseException]) -> None:
    def check() -> None:
        raise error

    process = LambdaProcess()
    with pytest.raises(RuntimeError, match=f"raised {error.__name__}, which is no Exception"):
        run_in_place(process.prepare(check, LONG))

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


def test_no_interrupt_comes_after_the_function() -> None:
    process = LambdaProcess()

    call(process, lambda: None, SOON)
    time.sleep(2 * SOON)

    assert process.exit_reason is None


def test_no_interrupt_comes_after_a_function_that_failed() -> None:
    def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        call(LambdaProcess(), fail, SOON)
    time.sleep(2 * SOON)


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
    """What runs beside a block does so in a thread of its own, and has ended after it."""

    async def _block(
        self, process: LambdaProcess, work: Callable[[Sleep], Any], does: Callable[[], object] = int
    ) -> None:
        async with process.beside(work):
            does()

    def test_it_sleeps_and_goes_on(self) -> None:
        beaten = threading.Event()

        async def work(sleep: Sleep) -> None:
            while not await sleep(0.01):
                beaten.set()

        run_in_place(self._block(LambdaProcess(), work, lambda: beaten.wait(LONG)))

        assert beaten.is_set()

    def test_it_is_woken_to_stop(self) -> None:
        stopped = []

        async def work(sleep: Sleep) -> None:
            stopped.append(await sleep(LONG))

        process = LambdaProcess()
        run_in_place(self._block(process, work))

        assert stopped == [True]
        assert process.exit_reason is None

    def test_after_one_that_hangs_the_process_must_exit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("worker.process.JOIN_SECONDS", SOON)
        process, leave = LambdaProcess(), threading.Event()

        async def work(sleep: Sleep) -> None:
            leave.wait()

        run_in_place(self._block(process, work))

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

        def part() -> None:
            for _ in range(100):  # and then gives up, so that this test fails and does not hang
                time.sleep(SOON / 2)

        def task() -> None:
            for _ in range(3):
                try:
                    part()
                except KeyboardInterrupt:
                    swallowed.append(True)
            part()

        with pytest.raises(SoftDeadline):
            call(process, task, SOON)
        assert swallowed == [True] * 3

    @pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
    def test_its_finally_is_not_interrupted_again(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
    ) -> None:
        monkeypatch.setattr(alarm, "AGAIN_SECONDS", SOON / 5)
        cleaned = []

        def clean() -> None:
            for _ in range(30):
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
        call(process, lambda: None, LONG)

        with pytest.raises(SoftDeadline):
            call(process, spin, SOON)


class TestLoop:
    """All tasks that are async share a loop, and leave nothing pending in it."""

    def test_the_next_one_has_the_same_loop(self, process: LambdaProcess) -> None:
        async def task() -> Any:
            return asyncio.get_running_loop()

        assert call(process, task) is call(process, task)

    def test_what_it_started_and_did_not_await_ends_before_it_does(self, process: LambdaProcess) -> None:
        sent = []

        async def later() -> None:
            await asyncio.sleep(SOON)
            sent.append(True)
            asyncio.get_running_loop().create_task(last())

        async def last() -> None:
            sent.append(True)

        async def task() -> None:
            asyncio.get_running_loop().create_task(later())

        call(process, task)
        assert sent == [True, True]
        assert process.exit_reason is None

    def test_what_that_raises_fails_it(self, process: LambdaProcess) -> None:
        async def later() -> None:
            raise ValueError("not sent")

        async def task() -> None:
            asyncio.get_running_loop().create_task(later())

        with pytest.raises(ValueError, match="not sent"):
            call(process, task)

    def test_what_had_failed_before_it_ended_fails_it_too(self, process: LambdaProcess) -> None:
        async def at_once() -> None:
            raise ValueError("not sent")

        async def task() -> None:
            asyncio.get_running_loop().create_task(at_once())
            await asyncio.sleep(SOON)

        with pytest.raises(ValueError, match="not sent"):
            call(process, task)

    def test_an_error_that_it_has_dealt_with_is_none(self, process: LambdaProcess) -> None:
        async def at_once() -> None:
            raise ValueError("not sent")

        async def task() -> int:
            one = asyncio.get_running_loop().create_task(at_once())
            await asyncio.wait([one])
            return 7 if one.exception() else 0

        assert call(process, task) == 7

    def test_an_error_of_an_earlier_one_is_logged_and_not_its_own(
        self, process: LambdaProcess, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def at_once() -> None:
            raise ValueError("not sent")

        async def task() -> None:
            kept.append(asyncio.get_running_loop().create_task(at_once()))
            await asyncio.sleep(SOON)

        async def next_one() -> int:
            kept.clear()
            return 7

        kept: list[asyncio.Task[None]] = []
        call(process, task)
        assert call(process, next_one) == 7
        assert "Task exception was never retrieved" in caplog.text

    def test_what_is_pending_at_the_deadline_is_named_and_cancelled(self, process: LambdaProcess) -> None:
        cleaned = []

        async def the_mail() -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                cleaned.append(True)

        async def task() -> None:
            asyncio.get_running_loop().create_task(the_mail())

        with pytest.raises(SoftDeadline, match=r"the_mail$"):
            call(process, task, SOON)
        assert cleaned == [True]
        assert process.exit_reason == "its task was interrupted"

    def test_what_a_failed_task_started_is_cancelled(self, process: LambdaProcess) -> None:
        started: list[asyncio.Task[None]] = []

        async def task() -> None:
            started.append(asyncio.get_running_loop().create_task(asyncio.sleep(LONG)))
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            call(process, task)
        assert started[0].cancelled()

    def test_after_what_swallows_its_cancellation_the_process_must_exit(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.loop.CANCEL_SECONDS", SOON)

        async def stubborn() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(LONG)
            await asyncio.sleep(SOON * 3)

        async def task() -> None:
            kept.append(asyncio.get_running_loop().create_task(stubborn()))
            await asyncio.sleep(0)
            raise ValueError("broken")

        kept: list[asyncio.Task[None]] = []
        with pytest.raises(ValueError, match="broken"):
            call(process, task)
        kept[0].get_loop().run_until_complete(kept[0])
        assert str(process.exit_reason).startswith("what its task started goes on though it was cancelled: ")
        assert "stubborn" in str(process.exit_reason)

    def test_what_is_started_by_a_cancellation_ends_as_well(self, process: LambdaProcess) -> None:
        async def later() -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                kept.append(asyncio.get_running_loop().create_task(asyncio.sleep(LONG)))

        async def task() -> None:
            kept.append(asyncio.get_running_loop().create_task(later()))
            await asyncio.sleep(0)
            raise ValueError("broken")

        kept: list[asyncio.Task[None]] = []
        with pytest.raises(ValueError, match="broken"):
            call(process, task)
        assert [one.done() for one in kept] == [True, True]
        assert process.exit_reason is None

    def test_one_that_leaves_by_sys_exit_leaves_the_loop_as_it_was(self, process: LambdaProcess) -> None:
        async def leave() -> None:
            sys.exit(0)

        async def task() -> int:
            return 7

        with pytest.raises(SystemExit):
            call(process, leave)
        assert call(process, task) == 7

    @pytest.mark.parametrize("waits_for_it", [False, True])
    def test_what_it_started_and_leaves_by_sys_exit_fails_it(
        self, process: LambdaProcess, waits_for_it: bool
    ) -> None:
        """It is aborted then, in the middle of its work: that is no success."""

        async def leave() -> None:
            sys.exit(0)

        async def task() -> None:
            started = asyncio.create_task(leave())
            await (started if waits_for_it else asyncio.sleep(LONG))

        with pytest.raises(RuntimeError, match="what it started raised SystemExit: 0"):
            call(process, task)

    def test_so_does_what_leaves_after_its_end(self, process: LambdaProcess) -> None:
        async def leave() -> None:
            await asyncio.sleep(SOON)
            sys.exit(0)

        async def task() -> None:
            asyncio.get_running_loop().create_task(leave())

        with pytest.raises(RuntimeError, match="what it started raised SystemExit: 0"):
            call(process, task)

    def test_what_leaves_when_it_is_cancelled_makes_a_failure_no_success(
        self, process: LambdaProcess
    ) -> None:
        async def leave() -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                sys.exit(0)

        async def task() -> None:
            started = asyncio.create_task(leave())
            await asyncio.sleep(0)
            raise ValueError(f"not sent, with {started}")

        with pytest.raises(ValueError, match="not sent"):
            call(process, task)
        assert process.exit_reason is None

    def test_its_threads_have_ended_with_it(self, process: LambdaProcess) -> None:
        async def task() -> Any:
            return await asyncio.to_thread(lambda: 7)

        assert [call(process, task), call(process, task)] == [7, 7]
        assert process.exit_reason is None

    def test_a_loop_that_was_closed_is_made_anew(self, process: LambdaProcess) -> None:
        async def task() -> Any:
            return asyncio.get_running_loop()

        call(process, task).close()

        assert not call(process, task).is_closed()


class TestLeftovers:
    """The next task meets the process as its own module made it."""

    def test_after_a_child_process_that_outlives_its_task_the_process_must_exit(
        self, process: LambdaProcess
    ) -> None:
        started: list[subprocess.Popen[bytes]] = []

        call(process, lambda: started.append(subprocess.Popen(["sleep", "30"])))

        started[0].kill()
        started[0].wait()
        assert str(process.exit_reason).startswith("its task left child processes behind: ")

    def test_a_child_process_that_was_there_before_is_not_its_own(self, process: LambdaProcess) -> None:
        before = subprocess.Popen(["sleep", "30"])

        call(process, lambda: None)

        before.kill()
        before.wait()
        assert process.exit_reason is None

    def test_a_child_process_that_has_ended_is_cleared_away(self, process: LambdaProcess) -> None:
        started = []

        def task() -> None:
            started.append(pid := os.posix_spawn("/bin/true", ["true"], {}))
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

        call(process, task)

        assert process.exit_reason is None
        with pytest.raises(ChildProcessError):
            os.waitpid(started[0], 0)

    def test_its_folder_is_left_again(self, process: LambdaProcess, tmp_path: Path) -> None:
        before = os.getcwd()

        def task() -> None:
            gone = tmp_path / "gone"
            gone.mkdir()
            os.chdir(gone)
            gone.rmdir()

        call(process, task)
        assert os.getcwd() == before

    def test_the_environment_is_put_back(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEPT", "as it was")
        monkeypatch.setenv("CHANGED", "as it was")
        before = os.environ

        def task() -> None:
            os.environ["ADDED"] = "x"
            os.environ["CHANGED"] = "x"
            del os.environ["KEPT"]
            os.environ = {}  # type: ignore[assignment]  # noqa: B003

        call(process, task)

        assert os.environ is before
        assert [os.environ.get(name) for name in ("KEPT", "CHANGED", "ADDED")] == ["as it was"] * 2 + [None]
        assert subprocess.run(["env"], capture_output=True, check=True).stdout.count(b"ADDED") == 0

    def test_signals_are_put_back_and_no_timer_goes_on(self, process: LambdaProcess) -> None:
        before = signal.getsignal(signal.SIGTERM)

        def task() -> None:
            signal.signal(signal.SIGTERM, lambda *_: None)
            signal.setitimer(signal.ITIMER_REAL, LONG)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGVTALRM})

        call(process, task)

        assert signal.getsignal(signal.SIGTERM) == before
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        with pytest.raises(SoftDeadline):
            call(process, spin, SOON)

    def test_the_locale_and_the_limit_of_recursion_are_put_back(self, process: LambdaProcess) -> None:
        before = locale.setlocale(locale.LC_ALL), sys.getrecursionlimit()

        def task() -> None:
            locale.setlocale(locale.LC_ALL, "C" if before[0] != "C" else "C.UTF-8")
            sys.setrecursionlimit(before[1] + 100)

        call(process, task)
        assert (locale.setlocale(locale.LC_ALL), sys.getrecursionlimit()) == before

    def test_the_umask_and_the_time_out_of_sockets_are_put_back(self, process: LambdaProcess) -> None:
        before = os.umask(0o027)

        def task() -> None:
            os.umask(0)
            socket.setdefaulttimeout(0.5)

        call(process, task)
        assert (os.umask(before), socket.getdefaulttimeout()) == (0o027, None)

    @pytest.mark.parametrize("sets_it_back", [False, True])
    def test_the_time_zone_is_put_back(self, process: LambdaProcess, sets_it_back: bool) -> None:
        before = time.localtime(0).tm_gmtoff

        def task() -> None:
            kept = os.environ.pop("TZ", None)
            os.environ["TZ"] = "XXX-7"
            time.tzset()
            if sets_it_back:
                del os.environ["TZ"]
                if kept is not None:
                    os.environ["TZ"] = kept

        call(process, task)

        assert time.localtime(0).tm_gmtoff == before

    def test_its_context_variables_are_gone(self, process: LambdaProcess) -> None:
        customer = ContextVar("customer", default="nobody")
        seen = []

        def plain() -> None:
            seen.append(customer.get())
            customer.set("Ann")

        async def asynchronous() -> None:
            plain()

        def half() -> Any:
            plain()
            return asynchronous()

        for task in (plain, asynchronous, half, plain):
            call(process, task)
        assert seen == ["nobody", "nobody", "nobody", "Ann", "nobody"]

    @pytest.mark.parametrize("at_import", [9, None], ids=["its module sets some", "it does not"])
    def test_the_digits_that_it_counts_with_are_put_back(
        self, process: LambdaProcess, at_import: int | None
    ) -> None:
        with decimal.localcontext(prec=at_import):

            def task() -> None:
                decimal.getcontext().prec = 2

            async def asynchronous() -> None:
                task()

            call(process, task)
            call(process, asynchronous)
            assert decimal.getcontext().prec == (at_import or decimal.DefaultContext.prec)

    def test_a_task_that_is_the_first_to_load_the_locale_changes_nothing(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = locale.setlocale(locale.LC_ALL)
        monkeypatch.delitem(sys.modules, "locale")

        call(process, lambda: sys.modules.update(locale=locale))

        assert locale.setlocale(locale.LC_ALL) == before

    def test_after_what_cant_be_put_back_the_process_must_exit(self, process: LambdaProcess) -> None:
        changed = os.environ.__dict__["_data"]

        call(process, lambda: changed.__setitem__(b"NO=NAME", b"x"))

        changed.pop(b"NO=NAME", None)
        assert "what its task changed can't be put back" in str(process.exit_reason)

    def test_what_its_module_did_at_its_import_stays(self, process: LambdaProcess) -> None:
        os.environ["OF_A_MODULE"] = "x"

        call(process, lambda: None)

        assert os.environ.pop("OF_A_MODULE") == "x"

    def test_with_its_memory_nearly_full_the_process_must_exit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "5")
        process = LambdaProcess()

        call(process, lambda: None)

        assert str(process.exit_reason).endswith("MB of its 5 MB of memory are in use")

    def test_memory_that_was_given_back_counts_no_more(self) -> None:
        assert worn_out(memory_mb=9_000_000, of=10_000_000) is None

    def test_with_too_many_descriptors_open_the_process_must_exit(
        self, process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leftovers, "MAX_DESCRIPTORS", 40)
        kept: list[int] = []

        call(process, lambda: kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(40)))

        for one in kept:
            os.close(one)
        assert "descriptors are open" in str(process.exit_reason)
