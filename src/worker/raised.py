"""What did the user's code mean by what it raised, and how is that said to a person? It may be anybody's."""

from __future__ import annotations

from collections.abc import Iterator

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


def meant(error: BaseException) -> BaseException:
    """The error that a task meant. A group of nothing but Reject and Retry, as a TaskGroup makes it, is its
    strongest: a Reject, else the Retry that asks for the longest wait."""
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
    after = getattr(error, "after", None) if isinstance(error, Retry) else None
    return after if isinstance(after, int | float) and after >= 0 else None


def words(error: BaseException) -> str:
    """Type and text."""
    return f"{type(error).__name__}: {text(error)}"


def text(error: BaseException) -> str:
    """The text of an error that may be anybody's: even that may fail."""
    try:
        return str(error)
    except Exception:
        return "(its text can't be had)"


def _number_of_findings(error: BaseException) -> int:
    count = getattr(error, "error_count", None) if isinstance(error, ValueError) else None
    try:
        number = count() if callable(count) else 0
    except Exception:  # it may be anybody's
        return 0
    return number if isinstance(number, int) else 0


def _leaves(error: BaseException) -> Iterator[BaseException]:
    left = [error]
    while left:  # groups may be nested without end
        one = left.pop()
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
        else:
            yield one
