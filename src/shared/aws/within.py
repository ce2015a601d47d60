"""Bounds the time of a call that has no limit itself: a look-up of a name, or a call of boto3, which bounds
its parts only, a connection and each byte."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread
from collections.abc import Callable


class TooSlowError(Exception):
    """The call has not ended in its time. Its thread ends by itself, later."""


def within[R](seconds: float, function: Callable[[], R]) -> R:
    """Makes the call in a thread, and returns what it returns. Raises its error, or TooSlowError. If no more
    threads can be started, the call takes its time."""
    results: list[R] = []
    errors: list[BaseException] = []
    ended = allocate_lock()
    ended.acquire()

    def call() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)
        finally:
            ended.release()

    try:
        start_new_thread(call, ())
    except RuntimeError:  # a task has used them up
        call()
    if not ended.acquire(timeout=max(0.0, seconds)):
        raise TooSlowError
    if errors:
        raise errors.pop()
    return results.pop()
