"""Puts an error into words, for a person. This works even if the code of the error's own class fails."""

from __future__ import annotations

import sys
from collections.abc import Callable
from traceback import clear_frames, format_exception, format_tb
from types import TracebackType
from typing import Any

_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_traceback, _cause, _context = (
    BaseException.__dict__[attribute].__get__ for attribute in ("__traceback__", "__cause__", "__context__")
)
_forget_traceback = BaseException.__dict__["__traceback__"].__set__
_exceptions = BaseExceptionGroup.__dict__["exceptions"].__get__
"""Python's own attributes, even if an error's class or metaclass defines others by these names."""

MAX_FINDINGS, MAX_FINDINGS_CHARACTERS = 1_000, 1_000_000
"""Most findings of a pydantic ValidationError that are named, and most characters of their paths. Its text
repeats the path of each, and Python's traceback holds that text five times."""

_FEW = 10

_NOT_OF_A_TASK = {"worker", "zigzag", "shared", "zigzag_testing", "boto3", "botocore", "pydantic"}
"""The packages, besides Python's own, whose frames come before those of a task. Ours call the last three."""

HEADING = "Traceback (most recent call last):\n"


class Interrupt(KeyboardInterrupt):
    """Comes from outside, at any moment. It is not an error of the code in which it is raised."""


def words(error: BaseException) -> str:
    """Returns the type and the text of the error."""
    return f"{name(error)}: {text(error)}"


def name(error: BaseException) -> str:
    """Returns the name of the error's type."""
    return str.__str__(_name(type(error)))


def text(error: BaseException) -> str:
    """Returns the error's text, or the number of its findings. Raises nothing but Interrupt."""
    return _in_short(error) or if_it_can(lambda: str.__str__(str(error)), "(its text can't be had)")


def traceback_of(error: BaseException) -> str:
    """Returns Python's traceback of the error, which ends in a line break; else its place and its words. The
    latter also where an error that it comes from has too many findings. It begins in the code of the task,
    if that was called.

    Python's own function can fail: at properties that raise, and at a SyntaxError with odd arguments
    (https://github.com/python/cpython/issues/128894). Raises nothing but Interrupt.
    """
    raised = _traceback(error)
    begin = if_it_can(lambda: _of_the_task(raised), raised)
    if not any(map(_in_short, _all_of(error))):
        whole = if_it_can(lambda: "".join(format_exception(type(error), error, begin)), "")
        if whole:
            return whole
    place = if_it_can(lambda: "".join(format_tb(begin)), "")
    return f"{HEADING}{place}{words(error)}\n"


def forget_frames(error: BaseException) -> None:
    """Clears the variables of the frames in the error's traceback, and of all that it comes from."""
    for one in _all_of(error):
        clear_frames(_traceback(one))


def free_values(error: BaseException) -> None:
    """Frees the values that a validator of pydantic had when it raised an error.

    A ValidationError holds that error with its frames, and Python's collector of cycles does not look there:
    they would stay as long as the process.
    """
    for one in _all_of(error):
        for raised in _of_validators(one):
            for each in _all_of(raised):
                _forget_traceback(each, None)


def _of_validators(error: Any) -> list[BaseException]:
    """Returns the errors of validators in a ValidationError; [] of other errors, or if it has too many."""
    if not issubclass(type(error), ValueError) or _in_short(error):
        return []
    listed: list[Any] = if_it_can(lambda: error.errors(include_url=False, include_input=False), [])
    found: list[Any] = if_it_can(lambda: [one.get("ctx", {}).get("error") for one in listed], [])
    return [one for one in found if isinstance(one, BaseException)]


def _of_the_task(whole: TracebackType | None) -> TracebackType | None:
    """Returns the traceback from the first frame on that may be a task's; the whole one, if none is."""
    frame = whole
    while frame is not None:
        package = str(frame.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package not in _NOT_OF_A_TASK and package not in sys.stdlib_module_names:
            return frame
        frame = frame.tb_next
    return whole


def if_it_can[T](call: Callable[[], T], otherwise: T) -> T:
    """Calls code of an error's own class and returns its result, or `otherwise` if it raises. Raises nothing
    but Interrupt."""
    try:
        return call()
    except Interrupt:
        raise
    except BaseException:
        return otherwise


def _in_short(error: BaseException) -> str:
    """Returns the number of a ValidationError's findings in words, if its text would be too long; else ''."""
    if not issubclass(type(error), ValueError):
        return ""
    number = if_it_can(lambda: getattr(error, "error_count", int)(), 0)
    if type(number) is not int or number <= _FEW:
        return ""
    if number <= MAX_FINDINGS and if_it_can(lambda: _characters(error), 0) <= MAX_FINDINGS_CHARACTERS:
        return ""
    return f"{number:,} validation errors, too many to name"


def _characters(error: Any) -> int:
    listed = error.errors(include_url=False, include_context=False, include_input=False)
    return sum(len(str(part)) for finding in listed for part in finding["loc"])


def _all_of(error: BaseException) -> list[BaseException]:
    """Returns the error, and all that it comes from or is made of."""
    found, seen = [error], {id(error)}
    for one in found:  # which grows: a chain may be longer than Python's stack
        inner = _exceptions(one) if issubclass(type(one), BaseExceptionGroup) else ()
        for other in (_cause(one), _context(one), *inner):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                found.append(other)
    return found
