"""A task sets a timer or hooks itself in: nothing of it goes off in the next one."""

from __future__ import annotations

import gc
import signal

import pytest
from tests.unit.worker.conftest import LONG, call

from worker.process import LambdaProcess


def heard(*_: object) -> None:
    """Does nothing, as the hook of a signal or of a collection."""


@pytest.mark.parametrize("timer", [signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF])
def test_no_timer_goes_on(process: LambdaProcess, timer: signal.ITIMER_REAL) -> None:
    call(process, lambda: signal.setitimer(timer, LONG, LONG))

    assert signal.setitimer(timer, 0) == (0.0, 0.0)


@pytest.mark.parametrize("number", [signal.SIGPROF, signal.SIGXCPU, signal.SIGWINCH, signal.SIGALRM])
def test_handlers_of_signals_are_put_back(process: LambdaProcess, number: int) -> None:
    before = signal.getsignal(number)

    call(process, lambda: signal.signal(number, heard))

    after = signal.signal(number, before)
    assert (after, process.exit_reason) == (before, None)


def test_hooks_of_the_collector_are_taken_out(process: LambdaProcess) -> None:
    before = gc.callbacks.copy()

    call(process, lambda: gc.callbacks.append(heard))

    after = gc.callbacks.copy()
    gc.callbacks[:] = before
    assert (after, process.exit_reason) == (before, None)


def test_those_of_its_module_stay(process: LambdaProcess) -> None:
    gc.callbacks.append(heard)

    call(process, gc.callbacks.clear)

    assert heard in gc.callbacks
    gc.callbacks.remove(heard)
