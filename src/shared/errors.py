"""The words of an error, for a person. It may be anybody's, and its own code may fail: it has words still."""

from __future__ import annotations

from collections.abc import Callable
from traceback import format_exception, format_tb
from typing import Any

_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_traceback: Callable[[BaseException], Any] = BaseException.__dict__["__traceback__"].__get__
"""As Python keeps them, whatever an error's class or metaclass has in their place."""

HEADING = "Traceback (most recent call last):\n"


class Interrupt(KeyboardInterrupt):
    """Comes from outside, at any moment: it is no error of the code in which it is raised."""


def words(error: BaseException) -> str:
    """Type and text."""
    return f"{name(error)}: {text(error)}"


def name(error: BaseException) -> str:
    """The name of its type."""
    return str.__str__(_name(type(error)))


def text(error: BaseException) -> str:
    """Its text. Raises nothing but Interrupt."""
    return if_it_can(lambda: str.__str__(str(error)), "(its text can't be had)")


def traceback_of(error: BaseException) -> str:
    """Its traceback as Python has it, which ends in a line break; else its place and its words.

    Python's own can fail: at properties that raise, and at a SyntaxError with odd arguments
    (https://github.com/python/cpython/issues/128894). Raises nothing but Interrupt.
    """
    whole = if_it_can(lambda: "".join(format_exception(error)), "")
    if whole:
        return whole
    place = if_it_can(lambda: "".join(format_tb(_traceback(error))), "")
    return f"{HEADING}{place}{words(error)}\n"


def if_it_can[T](call: Callable[[], T], otherwise: T) -> T:
    """What the call of an error's own code returns, or `otherwise` where that raises. Raises nothing but
    Interrupt."""
    try:
        return call()
    except Interrupt:
        raise
    except BaseException:
        return otherwise
