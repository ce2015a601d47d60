"""A task sets the interpreter up for itself: the next one finds it as it was."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from worker.process import LambdaProcess
from zigzag.in_place import run_in_place


@pytest.fixture
def process() -> Iterator[LambdaProcess]:
    process = LambdaProcess()
    yield process
    process.close()


def watch(*_: object) -> None:
    """Of what runs, nothing is said."""


def now() -> dict[str, Any]:
    return {
        "collects": gc.isenabled(),
        "thresholds": gc.get_threshold(),
        "debugs": gc.get_debug(),
        "switches": sys.getswitchinterval(),
        "digits": sys.get_int_max_str_digits(),
        "traced": sys.gettrace(),
        "profiled": sys.getprofile(),
        "threads traced": threading.gettrace(),
        "threads profiled": threading.getprofile(),
    }


def as_it_was(before: dict[str, Any]) -> None:
    """For the tests to come, whatever this one found."""
    (gc.enable if before["collects"] else gc.disable)()
    gc.set_threshold(*before["thresholds"])
    gc.set_debug(before["debugs"])
    sys.setswitchinterval(before["switches"])
    sys.set_int_max_str_digits(before["digits"])
    sys.settrace(before["traced"])
    sys.setprofile(before["profiled"])
    threading.settrace(before["threads traced"])
    threading.setprofile(before["threads profiled"])


SETS: dict[str, Callable[[], object]] = {
    "collects": gc.disable,
    "thresholds": lambda: gc.set_threshold(50_000, 20, 20),
    "debugs": lambda: gc.set_debug(gc.DEBUG_SAVEALL),
    "switches": lambda: sys.setswitchinterval(0.5),
    "digits": lambda: sys.set_int_max_str_digits(0),
    "traced": lambda: sys.settrace(watch),
    "profiled": lambda: sys.setprofile(watch),
    "threads traced": lambda: threading.settrace(watch),
    "threads profiled": lambda: threading.setprofile(watch),
}


@pytest.mark.parametrize("name", SETS)
def test_it_is_put_back(process: LambdaProcess, name: str) -> None:
    before = now()

    run_in_place(process.call(SETS[name], 30.0))

    after = now()
    as_it_was(before)
    assert (after, process.exit_reason) == (before, None)
