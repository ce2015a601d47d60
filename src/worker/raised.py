"""What did the user's code mean by what it raised? It may be anybody's, and fail whoever looks at it."""

from __future__ import annotations

from collections.abc import Iterator

from shared.errors import if_it_can, words
from zigzag import Reject, Retry

MAX_FINDINGS = 1_000
"""Of a ValidationError that a task raises. Its text has some 200 bytes for each."""

INTERRUPTED = "interrupted shortly before the function's time was over; WorkerTimeout sets it"


class OutOfTimeError(Exception):
    """The task was interrupted: its own time was over, or Lambda was about to end the function."""


class FunctionEndsError(OutOfTimeError):
    """Lambda was about to end the function."""


class TooManyFindingsError(ValueError):
    """In place of a ValidationError of pydantic's whose text would take a gigabyte: it names each finding."""


class UnreadableError(Exception):
    """In place of an error that raises another when it is asked what it is."""


def meant(error: BaseException) -> BaseException:
    """The error that a task meant. A group of nothing but Reject and Retry, as a TaskGroup makes it, is its
    strongest: a Reject, else the Retry that asks for the longest wait."""
    return if_it_can(lambda: _meant(error), None) or UnreadableError(words(error))


def _meant(error: BaseException) -> BaseException:
    if (number := _number_of_findings(error)) > MAX_FINDINGS:
        few = TooManyFindingsError(f"{number:,} validation errors, too many to name")
        return few.with_traceback(error.__traceback__)
    said = list(_leaves(error))
    if len(said) == 1 and said[0] is error:
        return error
    if not all(isinstance(one, Reject | Retry) for one in said):
        return error
    return max(said, key=lambda one: (isinstance(one, Reject), seconds_asked(one) or 0.0))


def seconds_asked(error: BaseException) -> float | None:
    """What a Retry asks for. One of a class of the user's own may lack it, or have anything there."""
    if not isinstance(error, Retry):
        return None
    after = if_it_can(lambda: getattr(error, "after", None), None)
    return after if isinstance(after, int | float) and after >= 0 else None


def _number_of_findings(error: BaseException) -> int:
    if not isinstance(error, ValueError):
        return 0
    number = if_it_can(lambda: getattr(error, "error_count", int)(), 0)
    return number if isinstance(number, int) else 0


def _leaves(error: BaseException) -> Iterator[BaseException]:
    left = [error]
    while left:  # groups may be nested without end
        one = left.pop()
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
        else:
            yield one
