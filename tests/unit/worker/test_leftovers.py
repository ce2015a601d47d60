"""A task changes its process: the next one finds it as it was, or finds another one."""

from __future__ import annotations

import decimal
import gc
import locale
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import pytest
from tests.unit.worker.conftest import LONG, call, status_of_a_child

from worker import leftovers
from worker.leftovers import worn_out
from worker.process import LambdaProcess

NOBODY = 65534


class Setting(NamedTuple):
    """A part of the process: how it is read, how it is set, and what a task sets it to."""

    now: Callable[[], Any]
    set: Callable[[Any], object]
    other: Any


def watch(*_: object) -> None:
    """Does nothing, as a hook of code that runs."""


def heard(*_: object) -> None:
    """Does nothing, as the hook of a signal or of a collection."""


def hook(hooks: list[Any]) -> None:
    gc.callbacks[:] = hooks


def folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def go_to(path: str | None) -> None:
    """Goes to a folder. None is one that is deleted then."""
    there = path or tempfile.mkdtemp()
    os.chdir(there)
    if path is None:
        os.rmdir(there)


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def stack_of_a_thread() -> int:
    now = threading.stack_size()  # which sets it to 0
    threading.stack_size(now)
    return now


def seconds_to_utc() -> int:
    return time.localtime(0).tm_gmtoff


def set_zone(zone: str | int) -> None:
    if isinstance(zone, str):
        os.environ["TZ"] = zone
    time.tzset()


def set_zone_in_secret(zone: str | int) -> None:
    kept = os.environ.get("TZ")
    set_zone(zone)
    if kept is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = kept


def handler(number: signal.Signals) -> Setting:
    return Setting(partial(signal.getsignal, number), partial(signal.signal, number), heard)


def timer(which: int) -> Setting:
    return Setting(lambda: bool(signal.getitimer(which)[0]), partial(signal.setitimer, which), LONG)


def limit(name: str, soft: int | None = None) -> Setting:
    """Returns a resource limit, of which the task changes the soft one."""
    number = getattr(resource, f"RLIMIT_{name}")
    hard = resource.getrlimit(number)[1]
    other = soft or (2**40 if hard == resource.RLIM_INFINITY else hard - 1)
    return Setting(partial(resource.getrlimit, number), partial(resource.setrlimit, number), (other, hard))


LOCALE = partial(locale.setlocale, locale.LC_ALL)
SIGNALS = (signal.SIGTERM, signal.SIGPROF, signal.SIGXCPU, signal.SIGWINCH, signal.SIGALRM)
TIMERS = {"REAL": signal.ITIMER_REAL, "VIRTUAL": signal.ITIMER_VIRTUAL, "PROF": signal.ITIMER_PROF}
BLOCKED = partial(signal.pthread_sigmask, signal.SIG_BLOCK, ())
BLOCK = partial(signal.pthread_sigmask, signal.SIG_SETMASK)

SETTINGS = {
    "folder": Setting(folder, go_to, None),
    "umask": Setting(umask, os.umask, 0o001),
    "time zone": Setting(seconds_to_utc, set_zone, "XXX-7"),
    "time zone, but not TZ": Setting(seconds_to_utc, set_zone_in_secret, "XXX-7"),
    "locale": Setting(LOCALE, LOCALE, "C" if LOCALE() != "C" else "C.UTF-8"),
    **{f"handler: {number.name}": handler(number) for number in SIGNALS},
    "blocked signals": Setting(BLOCKED, BLOCK, {signal.SIGVTALRM}),
    **{f"timer: {name}": timer(which) for name, which in TIMERS.items()},
    "hooks of the collector": Setting(gc.callbacks.copy, hook, [heard]),
    "time-out of sockets": Setting(socket.getdefaulttimeout, socket.setdefaulttimeout, 0.5),
    "depth of recursion": Setting(sys.getrecursionlimit, sys.setrecursionlimit, 5_000),
    "stack of a thread": Setting(stack_of_a_thread, threading.stack_size, 2**46),
    "collection": Setting(gc.isenabled, lambda on: (gc.enable if on else gc.disable)(), False),
    "thresholds": Setting(gc.get_threshold, lambda them: gc.set_threshold(*them), (50_000, 20, 20)),
    "debugging": Setting(gc.get_debug, gc.set_debug, gc.DEBUG_SAVEALL),
    "switches": Setting(sys.getswitchinterval, sys.setswitchinterval, 0.5),
    "digits": Setting(sys.get_int_max_str_digits, sys.set_int_max_str_digits, 0),
    "trace": Setting(sys.gettrace, sys.settrace, watch),
    "profile": Setting(sys.getprofile, sys.setprofile, watch),
    "trace of threads": Setting(threading.gettrace, threading.settrace, watch),
    "profile of threads": Setting(threading.getprofile, threading.setprofile, watch),
    **{f"limit: {name}": limit(name) for name in ("CPU", "AS", "DATA", "NOFILE", "FSIZE", "NPROC")},
    "limit: no descriptor is left": limit("NOFILE", 3),
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_put_back(process: LambdaProcess, setting: Setting) -> None:
    before, changed = setting.now(), []

    def task() -> None:
        setting.set(setting.other)
        changed.append(setting.now())

    call(process, task)

    after = setting.now()
    setting.set(before)
    assert changed != [before]
    assert (after, process.exit_reason) == (before, None)


def test_a_hook_of_the_collector_that_its_module_has_set_stays(process: LambdaProcess) -> None:
    gc.callbacks.append(heard)

    call(process, gc.callbacks.clear)

    assert heard in gc.callbacks
    gc.callbacks.remove(heard)


HOOKS = {
    "trace": (threading.settrace_all_threads, sys.gettrace),
    "profile": (threading.setprofile_all_threads, sys.getprofile),
}


@pytest.mark.parametrize(("set_for_all", "now"), HOOKS.values(), ids=HOOKS)
def test_its_hook_is_taken_out_of_threads_that_live_on(
    process: LambdaProcess, set_for_all: Callable[[Any], object], now: Callable[[], Any]
) -> None:
    """Ours do, too: the alarm's thread must not run a task's code."""
    with ThreadPoolExecutor(1) as pool:
        before = pool.submit(now).result()

        call(process, lambda: set_for_all(watch))

        assert pool.submit(now).result() is before


def test_a_threads_stack_is_what_its_module_has_set_while_it_runs_and_after(process: LambdaProcess) -> None:
    before, seen = threading.stack_size(2**20), []

    call(process, lambda: seen.append(stack_of_a_thread()))

    seen.append(threading.stack_size(before))
    assert seen == [2**20, 2**20]


def test_the_environment_is_put_back(process: LambdaProcess, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_its_context_variables_are_gone(process: LambdaProcess) -> None:
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
def test_the_digits_that_it_counts_with_are_put_back(process: LambdaProcess, at_import: int | None) -> None:
    with decimal.localcontext(prec=at_import):

        def task() -> None:
            decimal.getcontext().prec = 2

        async def asynchronous() -> None:
            task()

        call(process, task)
        call(process, asynchronous)
        assert decimal.getcontext().prec == (at_import or decimal.DefaultContext.prec)


def test_after_a_child_process_that_outlives_its_task_the_process_must_exit(process: LambdaProcess) -> None:
    started: list[subprocess.Popen[bytes]] = []

    call(process, lambda: started.append(subprocess.Popen(["sleep", "30"])))

    started[0].kill()
    started[0].wait()
    assert str(process.exit_reason).startswith("its task left child processes behind: ")


def test_a_child_process_that_was_there_before_is_not_its_own(process: LambdaProcess) -> None:
    before = subprocess.Popen(["sleep", "30"])

    call(process, int)

    before.kill()
    before.wait()
    assert process.exit_reason is None


def test_a_child_process_that_has_ended_is_cleared_away(process: LambdaProcess) -> None:
    started = []

    def task() -> None:
        started.append(pid := os.posix_spawn("/bin/true", ["true"], {}))
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    call(process, task)

    assert process.exit_reason is None
    with pytest.raises(ChildProcessError):
        os.waitpid(started[0], 0)


def test_after_what_cant_be_put_back_the_process_must_exit(process: LambdaProcess) -> None:
    changed = os.environ.__dict__["_data"]

    call(process, lambda: changed.__setitem__(b"NO=NAME", b"x"))

    changed.pop(b"NO=NAME", None)
    assert "what its task changed can't be put back" in str(process.exit_reason)


def test_with_its_memory_nearly_full_the_process_must_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "5")
    process = LambdaProcess()

    call(process, int)

    assert str(process.exit_reason).endswith("MB of its 5 MB of memory are in use")


def test_memory_that_was_given_back_counts_no_more() -> None:
    assert worn_out(memory_mb=9_000_000, of=10_000_000) is None


def test_with_too_many_descriptors_open_the_process_must_exit(
    process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "MAX_DESCRIPTORS", 40)
    kept: list[int] = []

    call(process, lambda: kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(40)))

    for one in kept:
        os.close(one)
    assert "descriptors are open" in str(process.exit_reason)


def test_a_signal_writes_into_no_descriptor_of_an_earlier_task(process: LambdaProcess) -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, False)

    call(process, lambda: signal.set_wakeup_fd(writes))

    assert signal.set_wakeup_fd(-1) == -1
    os.close(reads)
    os.close(writes)


def test_with_too_many_daemon_threads_the_process_must_exit(
    process: LambdaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "MAX_THREADS", 40)
    over = threading.Event()

    call(process, lambda: [threading.Thread(target=over.wait, daemon=True).start() for _ in range(40)])

    over.set()
    assert "threads run" in str(process.exit_reason)


@pytest.mark.parametrize("lowered", ["NOFILE", "CPU"])
def test_after_a_hard_limit_that_cant_be_raised_again_the_process_must_exit(
    process: LambdaProcess, lowered: str
) -> None:
    """It has to settle first, so the soft limit goes as far as it can."""

    def lower_it() -> int:
        if os.geteuid() == 0:
            os.setuid(NOBODY)  # as on Lambda, it may not raise its hard limits
        number = getattr(resource, f"RLIMIT_{lowered}")
        soft, hard = resource.getrlimit(number)
        less = 2**40 if hard == resource.RLIM_INFINITY else hard - 1
        call(process, lambda: resource.setrlimit(number, (3, less)))
        left = less if soft == resource.RLIM_INFINITY else min(soft, less)
        says = f"its task lowered a limit of its process for good: RLIMIT_{lowered}"
        return int(process.exit_reason != says or resource.getrlimit(number) != (left, less))

    assert status_of_a_child(lower_it) == 0
