"""Limits the time of a command: it prints a notice after two seconds, and ends after thirty."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

WORD_SECONDS, END_SECONDS = 2.0, 30.0

_notices: list[Timer] = []
"""The notice that is still to come."""


class TooLongError(BaseException):
    """The time is over. It is no Exception: botocore would take one for an error of its connection, and call
    again."""


@contextmanager
def bounded(word: float = WORD_SECONDS, end: float = END_SECONDS) -> Iterator[None]:
    """Prints that it waits for AWS after `word` seconds, and raises TooLongError after `end` seconds."""
    timer = Timer(word, print, ("zigzag: waiting for AWS …",), {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    _notices.append(timer)
    before = signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, end)
    try:
        yield
    finally:
        answered()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def answered() -> None:
    """Ends the wait for the notice, for a command that has an answer and goes on."""
    while _notices:
        _notices.pop().cancel()


def endless() -> None:
    """Removes the limit, for a command that is meant to wait."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _end(number: int, frame: Any) -> None:
    raise TooLongError
