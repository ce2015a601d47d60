"""Bounds the time of a command: a word after two seconds of silence, an end after thirty."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

WORD_SECONDS, END_SECONDS = 2.0, 30.0


class TooLongError(BaseException):
    """The time is over. It is no Exception: botocore takes one that is raised in a call for its connection's,
    and calls again."""


@contextmanager
def bounded(word: float = WORD_SECONDS, end: float = END_SECONDS) -> Iterator[None]:
    """Says that AWS is being waited for after `word` seconds; raises TooLongError after `end` seconds."""
    timer = Timer(word, print, ("zigzag: waiting for AWS …",), {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    before = signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, end)
    try:
        yield
    finally:
        timer.cancel()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def endless() -> None:
    """Takes the end away, for a command that waits by intent."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _end(number: int, frame: Any) -> None:
    raise TooLongError
