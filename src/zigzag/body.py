"""Reads a message's body: JSON, with limits. The worker refuses a body beyond them, and so does `send`.

A producer may send any body, and the payload must not break the code that gets it: its nesting is limited,
its numbers are finite, and a body of 1 MiB needs no more than a part of the worker's memory. If a key is
there twice, the last counts, as everywhere in Python.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any

MAX_LEVELS = 100
"""Most levels of objects and arrays, the body itself included. Recursive code needs a few frames a level, and
Python allows 1,000 frames in all."""

MAX_PARTS = 50_000
"""Most objects and arrays. pydantic builds all of a payload's JSON once more, fields that the model does not
have included, with up to 700 bytes for each."""

MAX_PATHS = 10_000_000
"""Most characters of keys, where those above a value count once for each value. pydantic copies them into
each error, before anybody can ask for the number of errors."""

MAX_TIME = 100_000_000_000
"""A later time, of the year 5138, is a mistake: milliseconds."""

MAX_NAME_CHARACTERS = 256
"""Most characters of a task's name. Log lines and dead letters' notes carry it."""

MAX_REPLY_CHARACTERS = 1_000
"""Most characters of a reply's address, and of its correlation id."""

_TO_THE_NEXT_BRACKET = r'(?:[^"\[{\]}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"?)*+[\[{\]}]'
"""Possessive, and without an end for a text that has none: nothing is tried twice."""

_TOO_DEEP = f"the body is nested too deeply: at most {MAX_LEVELS} objects and arrays within each other"


class BadMessageError(ValueError):
    """The message is not one of ours, and a retry won't change that."""


class NoTaskError(BadMessageError):
    """The body names no task: it may be a foreign sender's."""


def read(text: str) -> dict[str, Any]:
    """Returns a body's JSON object. Raises BadMessageError."""
    value = read_value(text)
    if not isinstance(value, dict):
        raise NoTaskError(f"the body is {kind(value)}; it must be a JSON object with a `task`")
    return value


def read_value(text: str) -> Any:
    """Returns a JSON value within the limits of every body. Raises BadMessageError."""
    brackets = text.count("{") + text.count("[")
    if brackets > MAX_PARTS:
        _check_parts(text)
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_no_constant)
    except BadMessageError:
        raise
    except json.JSONDecodeError as error:
        raise NoTaskError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BadMessageError(_TOO_DEEP) from None
    except ValueError:  # the time to read an int grows with the square of its length, so Python has a limit
        most = f"{sys.get_int_max_str_digits():,}"
        raise BadMessageError(f"the body has a number that is too long: at most {most} digits") from None
    # In a short text neither can be too much: a value takes two characters, so that the longest paths to the
    # most values are those of half a text of keys and half a text of values.
    if isinstance(value, dict | list) and (brackets > MAX_LEVELS or len(text) ** 2 > 8 * MAX_PATHS):
        _check_extent(value)
    return value


def task_name(name: Any) -> str:
    """Returns the name of a task. Raises BadMessageError if it can't be one."""
    if name is None:
        raise NoTaskError('the body names no task; it must be like {"task": "hello", "payload": {}}')
    if not isinstance(name, str) or not name:
        raise BadMessageError(f"`task` is {kind(name)}; it must be the name of a task")
    if len(name) > MAX_NAME_CHARACTERS:
        raise BadMessageError(
            f"`task` has {len(name):,} characters; a name has at most {MAX_NAME_CHARACTERS}"
        )
    return _whole("task", name)


def task_id(chosen: Any) -> str:
    """Returns the id of a task. Raises BadMessageError if it can't be one."""
    if not isinstance(chosen, str) or not chosen:
        raise BadMessageError(f"`id` is {kind(chosen)}; it must be a text that is not empty")
    return _whole("id", chosen)


def expiry(value: Any) -> float | None:
    """Returns the time after which the task must not start for the first time, in epoch seconds, or None if
    the message has none. Raises BadMessageError if it is no such time."""
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 < value < MAX_TIME:
        said = kind(value) if type(value) not in (int, float) else "no such time"
        raise BadMessageError(f"`expires_at` is {said}; it must be epoch seconds, such as 1767225600")
    return float(value)


def reply_of(body: dict[str, Any]) -> tuple[str, str | None] | None:
    """Returns the address for a reply, and the reply's correlation id, if the body asks for one. Raises
    BadMessageError if they can't be such."""
    to, correlation_id = body.get("reply_to"), body.get("correlation_id")
    if to is None:
        return None
    id = body.get("id")
    if correlation_id is None and isinstance(id, str) and len(id) > MAX_REPLY_CHARACTERS:
        most = f"a reply is known by at most {MAX_REPLY_CHARACTERS:,}"
        raise BadMessageError(f"`id` has {len(id):,} characters, and {most}: give a `correlation_id`")
    for key, value in (
        ("reply_to", to),
        ("correlation_id", "x" if correlation_id is None else correlation_id),
    ):
        if not isinstance(value, str) or not 0 < len(value) <= MAX_REPLY_CHARACTERS:
            raise BadMessageError(f"`{key}` must be a text of 1 to {MAX_REPLY_CHARACTERS:,} characters")
        _whole(key, value)
    return to, correlation_id


def kind(value: Any) -> str:
    """Returns the type of a JSON value in words; never the value, which may be private."""
    words = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e999 would become an infinity, which JSON can't write
        raise BadMessageError("the body has a number that is too large")
    return number


def _no_constant(name: str) -> float:
    """Raises BadMessageError for NaN and Infinity, which Python's own reader accepts."""
    raise BadMessageError(f"the body is not JSON: it has {name}, which JSON does not know")


def _check_parts(text: str) -> None:
    """Raises BadMessageError for too many objects and arrays, or too deep ones, before any is built: in
    memory, an empty one takes twenty times its text."""
    if not re.match(r"\s*+[\[{]", text):
        return  # it is one text, or no JSON
    to_the_next = re.compile(_TO_THE_NEXT_BRACKET, re.DOTALL)
    parts = levels = end = 0
    while (levels or not parts) and (found := to_the_next.match(text, end)):
        end = found.end()
        opens = text[end - 1] in "[{"
        parts += opens
        levels += 1 if opens else -1
        if levels > MAX_LEVELS:
            raise BadMessageError(_TOO_DEEP)
        if parts > MAX_PARTS:
            raise BadMessageError(f"the body has more than {MAX_PARTS:,} objects and arrays")


def _check_extent(value: dict[str, Any] | list[Any]) -> None:
    """Raises BadMessageError if the value is too deep, or its paths are too long. Has no recursion."""
    level: list[tuple[Any, int]] = [(value, 0)]  # each with the characters of the keys above it
    paths = 0
    for _ in range(MAX_LEVELS):
        below: list[tuple[Any, int]] = []
        for outer, above in level:
            paths += above * len(outer)
            if isinstance(outer, dict):
                paths += sum(map(len, outer))
                below += [(one, above + len(key)) for key, one in outer.items() if type(one) in (dict, list)]
            else:
                below += [(one, above) for one in outer if type(one) in (dict, list)]
        if paths > MAX_PATHS:
            raise BadMessageError(
                "the body's keys are too long for the number of values below them: "
                f"counted once for each value, at most {MAX_PATHS:,} characters"
            )
        if not below:
            return
        level = below
    raise BadMessageError(_TOO_DEEP)


def _whole(key: str, text: str) -> str:
    r"""Returns the text if UTF-8 can encode it. JSON can hold `\ud83d`, half an emoji; a key can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadMessageError(f"`{key}` has half a character; it must be a text in Unicode") from None
    return text
