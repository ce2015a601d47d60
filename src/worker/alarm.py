"""The alarm: interrupts a task when its time is over, from a thread of its own.

Its signal is not SIGALRM: tasks use that one and its timer for their own work. It binds the standard
library's functions at import, before a task can replace them.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGVTALRM, pthread_kill, signal
from sys import exception
from threading import main_thread
from time import monotonic

from worker.host import SoftDeadline

MAX_SLEEP_SECONDS = 3600.0

MAX_CONTEXTS = 100
"""Most errors of a chain, each raised while the one before was handled, that are looked at."""

AGAIN_SECONDS = 1.0
"""Seconds until the signal is sent again: C code may ignore it, a `__del__` or a bare `except` may swallow
it."""

_MAIN = main_thread().ident or 0
_NEVER = float("inf")


def _is_in_hand(error: BaseException | None) -> bool:
    """Returns whether the code handles an interrupt already: a second one must not stop its `finally`."""
    for _ in range(MAX_CONTEXTS):
        if error is None or isinstance(error, SoftDeadline):
            break
        error = error.__context__
    return error is not None


class Alarm:
    """Interrupts the main thread, where Python handles signals. One is enough for a process."""

    def __init__(self) -> None:
        self._ends = _NEVER
        self._wakes = _NEVER
        self._started = False
        self._stir = allocate_lock()
        self._stir.acquire()

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        """Raises SoftDeadline in the block after `seconds`, unless the block has ended. Does nothing in any
        other thread than the main one."""
        if get_ident() != _MAIN:
            yield
            return
        signal(SIGVTALRM, self._heard)  # kept: a late signal must not end the process
        self._set(monotonic() + max(0.0, seconds))
        try:
            yield
        finally:
            self._ends = _NEVER

    def ring(self) -> None:
        """Interrupts the block that runs now, if one does."""
        if self._ends != _NEVER:
            self._set(min(self._ends, monotonic()))

    def _heard(self, *_: object) -> None:
        # Otherwise the block has ended, or is being left.
        if monotonic() >= self._ends and not _is_in_hand(exception()):
            raise SoftDeadline

    def _set(self, ends: float) -> None:
        self._ends = ends
        if not self._started:
            self._started = True
            start_new_thread(self._watch, ())
        elif ends < self._wakes and self._stir.locked():
            self._stir.release()

    def _watch(self) -> None:
        """Sleeps until the time is over, or `_stir` is released. Most blocks end before that, without it."""
        while True:
            self._wakes = _NEVER  # so a time that is set from here on wakes it
            now, ends = monotonic(), self._ends
            if now >= ends:
                pthread_kill(_MAIN, SIGVTALRM)
            sleep = AGAIN_SECONDS if now >= ends else min(ends - now, MAX_SLEEP_SECONDS)
            self._wakes = now + sleep
            self._stir.acquire(timeout=sleep)
