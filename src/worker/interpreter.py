"""Puts back the interpreter's settings: the changes of one task must not reach the next."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from gc import callbacks, get_debug, get_threshold, isenabled
from sys import get_int_max_str_digits, getprofile, getswitchinterval, gettrace
from threading import getprofile as profile_of_threads
from threading import gettrace as trace_of_threads
from typing import Any

_PUT_BACK: tuple[Callable[[Any], object], ...] = (
    # First: they are called for every later line. Of all threads, as ours live on.
    sys._settraceallthreads,  # type: ignore[attr-defined]
    sys._setprofileallthreads,  # type: ignore[attr-defined]
    threading.settrace,
    threading.setprofile,
    lambda collects: (gc.enable if collects else gc.disable)(),
    lambda threshold: gc.set_threshold(*threshold),
    gc.set_debug,
    lambda before: callbacks.__setitem__(slice(None), before),
    sys.setswitchinterval,
    sys.set_int_max_str_digits,
)


class Interpreter:
    def __init__(self) -> None:
        self._settings = _settings()

    def put_back(self) -> None:
        if (now := _settings()) == self._settings:
            return
        for put_back, before, is_now in zip(_PUT_BACK, self._settings, now, strict=True):
            if is_now != before:
                put_back(before)


def _settings() -> tuple[Any, ...]:
    """Returns the settings, in the order of `_PUT_BACK`. A call takes some 50 ns."""
    return (
        gettrace(),
        getprofile(),
        trace_of_threads(),
        profile_of_threads(),
        isenabled(),
        get_threshold(),
        get_debug(),
        callbacks.copy(),
        getswitchinterval(),
        get_int_max_str_digits(),
    )
