"""The alarm: interrupts a task when its time is over, from a thread of its own.

Its signal is not SIGALRM: tasks use that one and its timer for their own work. It binds the standard
library's functions at import, before a task can replace them.
"""

from __future__ import annotations

# Of the C module: `signal` makes an enum of the handler that it returns.
from _signal import SIGVTALRM, pthread_kill, signal  # type: ignore[import-not-found]
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable
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


class Timer:
    """Calls a function when its time has come, and again each second, in a thread that lives on.

    So no task can prevent the thread, and most tasks end without a switch to it: it wakes only when a time
    has come that was set once, and sleeps on if that time has moved meanwhile.
    """

    def __init__(self) -> None:
        self._next: tuple[float, Callable[[], None]] = (_NEVER, _nothing)
        self._wakes = _NEVER
        self._runs = False
        self._stir = allocate_lock()
        self._stir.acquire()

    def set(self, at: float, call: Callable[[], None]) -> None:
        """Sets what is called when `monotonic()` is `at`, in place of what was set before."""
        self._next = (at, call)
        if not self._runs:
            self._runs = True
            try:
                start_new_thread(self._watch, ())
            except RuntimeError:  # tasks have used up the threads: a later one may find one
                self._runs = False
                self.clear()
                raise
        elif at < self._wakes and self._stir.locked():
            self._stir.release()

    def clear(self) -> None:
        """Makes the timer call nothing. A call that runs goes on."""
        self._next = (_NEVER, _nothing)

    def _watch(self) -> None:
        try:
            while True:
                self._wakes = _NEVER  # so a time that is set from here on wakes it
                at, call = self._next
                left = at - monotonic()
                if left <= 0:
                    call()
                    left = AGAIN_SECONDS
                del call  # it leads to the payload of an attempt, which may be large
                self._sleep(min(left, MAX_SLEEP_SECONDS))
        finally:  # after an error, the next time has a new thread
            self._runs = False

    def _sleep(self, seconds: float) -> None:
        self._wakes = monotonic() + seconds
        self._stir.acquire(timeout=seconds)


def _nothing() -> None:
    pass


class Alarm:
    """Interrupts the main thread, where Python handles signals. One is enough for a process."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._ends = _NEVER
        self._timer = Timer()

    def after(self, seconds: float) -> Alarm:
        """Returns a context that raises SoftDeadline after `seconds`, unless its block has ended. Does
        nothing in any other thread than the main one."""
        self._seconds = max(0.0, seconds)
        return self

    def __enter__(self) -> None:
        if get_ident() != _MAIN:
            return
        signal(SIGVTALRM, self._heard)  # kept: a late signal must not end the process
        self._ends = monotonic() + self._seconds
        self._timer.set(self._ends, _interrupt)

    def __exit__(self, *_: object) -> None:
        if get_ident() == _MAIN:
            self._ends = _NEVER
            self._timer.clear()

    def ring(self) -> None:
        """Interrupts the block that runs now, if one does."""
        if self._ends != _NEVER:
            self._ends = min(self._ends, monotonic())
            self._timer.set(self._ends, _interrupt)

    def _heard(self, *_: object) -> None:
        # Otherwise the block has ended, or is being left.
        if monotonic() >= self._ends and not _is_in_hand(exception()):
            raise SoftDeadline


def _interrupt() -> None:
    pthread_kill(_MAIN, SIGVTALRM)
