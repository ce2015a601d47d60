"""Finds the meaning of an error of the user's code. Its class may be anybody's, and may fail when it is
read."""

from __future__ import annotations

from collections.abc import Iterator

from shared.errors import if_it_can, words
from zigzag import Reject, Retry, Unavailable

INTERRUPTED = "interrupted shortly before the function's time was over; WorkerTimeout sets it"


def overdue(timeout: float) -> str:
    """The reason of an attempt that its own timeout, in seconds, has ended."""
    return f"took longer than its timeout of {timeout:g} s"


class OutOfTimeError(Exception):
    """The task was interrupted: its own time was over, or Lambda was about to end the function."""


class FunctionEndsError(OutOfTimeError):
    """Lambda was about to end the function."""


class UnreadableError(Exception):
    """Replaces an error that raises another when it is read."""


def meant(error: BaseException) -> BaseException:
    """Returns the error that a task meant. A group that has only Rejects and Retries, as a TaskGroup makes
    it, counts as its strongest: a Reject, else an Unavailable, else the Retry with the longest wait."""
    return if_it_can(lambda: _meant(error), None) or UnreadableError(words(error))


def _meant(error: BaseException) -> BaseException:
    said = list(_leaves(error))
    if len(said) == 1 and said[0] is error:
        return error
    if not all(isinstance(one, Reject | Retry) for one in said):
        return error
    return max(said, key=_strength)


def _strength(error: BaseException) -> tuple[bool, bool, float]:
    return isinstance(error, Reject), isinstance(error, Unavailable), seconds_asked(error) or 0.0


def seconds_asked(error: BaseException) -> float | None:
    """Returns the seconds that a Retry asks for, or None. In a subclass they may be missing or wrong."""
    if not isinstance(error, Retry):
        return None
    after = if_it_can(lambda: getattr(error, "after", None), None)
    return after if isinstance(after, int | float) and after >= 0 else None


def means_unavailable(error: BaseException, kinds: tuple[type[Exception], ...]) -> bool:
    """Returns whether the error is an Unavailable or one of these kinds; of a group, whether all are.

    The end of a task's own timeout is a TimeoutError here, as one that the task raises by itself.
    """
    return if_it_can(lambda: all(_is_one(leaf, kinds) for leaf in _leaves(error)), False)


def _is_one(error: BaseException, kinds: tuple[type[Exception], ...]) -> bool:
    timeout = type(error) is OutOfTimeError and any(issubclass(TimeoutError, kind) for kind in kinds)
    return timeout or isinstance(error, (Unavailable, *kinds))


def longest_asked(error: BaseException) -> float | None:
    """Returns the most seconds that the Retries of a group ask for, or those of a single error."""

    def most() -> float | None:
        asked = map(seconds_asked, _leaves(error))
        return max((seconds for seconds in asked if seconds is not None), default=None)

    return if_it_can(most, None)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    left = [error]
    while left:  # not recursive: groups may be nested very deeply
        one = left.pop()
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
        else:
            yield one
