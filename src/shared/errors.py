"""Puts an error into words, for a person. This works even if the code of the error's own class fails."""

from __future__ import annotations

from collections.abc import Callable
from traceback import format_exception, format_tb
from typing import Any

_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_traceback: Callable[[BaseException], Any] = BaseException.__dict__["__traceback__"].__get__
"""Python's own attributes, even if an error's class or metaclass defines others by these names."""

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
    """Returns the error's text. Raises nothing but Interrupt."""
    return if_it_can(lambda: str.__str__(str(error)), "(its text can't be had)")


def traceback_of(error: BaseException) -> str:
    """Returns Python's traceback of the error, which ends in a line break; else its place and its words.

    Python's own function can fail: at properties that raise, and at a SyntaxError with odd arguments
    (https://github.com/python/cpython/issues/128894). Raises nothing but Interrupt.
    """
    whole = if_it_can(lambda: "".join(format_exception(error)), "")
    if whole:
        return whole
    place = if_it_can(lambda: "".join(format_tb(_traceback(error))), "")
    return f"{HEADING}{place}{words(error)}\n"


def if_it_can[T](call: Callable[[], T], otherwise: T) -> T:
    """Calls code of an error's own class and returns its result, or `otherwise` if it raises. Raises nothing
    but Interrupt."""
    try:
        return call()
    except Interrupt:
        raise
    except BaseException:
        return otherwise
