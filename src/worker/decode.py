"""Decodes a message: reads task, payload and id from its body and attributes, or says why it can't.

The body is JSON: `{"task": "resize_image", "payload": {…}, "id": "…"}`, where `payload` and `id` may be
missing and other keys are ignored. A message attribute `task` marks a raw body: then the whole body
is the payload (an S3 event, an SNS notification).

A producer may send any body, and the payload must not break the code that gets it: its nesting is limited,
and its numbers are finite. If a key is there twice, the last counts, as everywhere in Python.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any, NamedTuple

from shared.dead_letter import note_of, original_attributes
from shared.delivery import Delivery
from zigzag import BadPayloadError, Task

MAX_LEVELS = 100
"""Most levels of objects and arrays, the body itself included. Recursive code needs a few frames a level, and
Python allows 1,000 frames in all."""

MAX_NAME_CHARACTERS = 256
"""Most characters of a task's name. Log lines and dead letters' notes carry it."""

_TOO_DEEP = f"the body is nested too deeply: at most {MAX_LEVELS} objects and arrays within each other"


class BadMessageError(ValueError):
    """The message is not one of ours, and a retry won't change that."""


class Message(NamedTuple):
    """The content of a message.

    id -- the producer's, else the one from before a redrive, else the first MessageId.
    """

    task: str
    payload: dict[str, Any]
    id: str


def decode(delivery: Delivery) -> Message:
    """Returns the message of a delivery.

    Raises BadMessageError, whose text is for the person who finds the dead letter.
    """
    body = _json_object(delivery.body)
    raw = original_attributes(delivery).get("task") if delivery.attributes else None
    if raw is not None:
        name = raw.get("StringValue")
        if not isinstance(name, str) or not name:
            raise BadMessageError("the attribute `task` is no text; it must be the name of a task")
        return Message(_short_enough(name), body, _task_id({}, delivery))
    payload = body.get("payload", {})
    if not isinstance(payload, dict):
        raise BadMessageError(f"`payload` is {_kind(payload)}; it must be a JSON object")
    return Message(_task_name(body.get("task")), payload, _task_id(body, delivery))


def payload_of(task: Task[Any, Any, Any], message: Message) -> Any:
    """Returns the payload as the task takes it. Raises BadMessageError if it does not fit. A BadPayloadError,
    in contrast, comes from a send in the task's own code."""
    try:
        return task.parse(message.payload)
    except BadPayloadError as error:
        raise BadMessageError(str(error)) from None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_no_constant)
    except BadMessageError:
        raise
    except json.JSONDecodeError as error:
        raise BadMessageError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BadMessageError(_TOO_DEEP) from None
    except ValueError:  # the time to read an int grows with the square of its length, so Python has a limit
        most = f"{sys.get_int_max_str_digits():,}"
        raise BadMessageError(f"the body has a number that is too long: at most {most} digits") from None
    if not isinstance(value, dict):
        raise BadMessageError(f"the body is {_kind(value)}; it must be a JSON object with a `task`")
    if text.count("{") + text.count("[") > MAX_LEVELS and _is_deeper(value, MAX_LEVELS):
        raise BadMessageError(_TOO_DEEP)
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e999 would become an infinity, which JSON can't write
        raise BadMessageError("the body has a number that is too large")
    return number


def _no_constant(name: str) -> float:
    """Raises BadMessageError for NaN and Infinity, which Python's own reader accepts."""
    raise BadMessageError(f"the body is not JSON: it has {name}, which JSON does not know")


def _is_deeper(value: Any, levels: int) -> bool:
    """Returns whether objects and arrays have more than `levels` levels, without recursion."""
    level = [value]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _task_name(name: Any) -> str:
    if name is None:
        raise BadMessageError('the body names no task; it must be like {"task": "hello", "payload": {}}')
    if not isinstance(name, str) or not name:
        raise BadMessageError(f"`task` is {_kind(name)}; it must be the name of a task")
    return _short_enough(name)


def _short_enough(name: str) -> str:
    if len(name) > MAX_NAME_CHARACTERS:
        raise BadMessageError(
            f"`task` has {len(name):,} characters; a name has at most {MAX_NAME_CHARACTERS}"
        )
    return _whole("task", name)


def _task_id(body: dict[str, Any], delivery: Delivery) -> str:
    chosen = body.get("id")
    if chosen is None:
        note = note_of(delivery) if delivery.attributes else {}
        chosen = note.get("id") or note.get("message_id") or delivery.message_id
    if not isinstance(chosen, str) or not chosen:
        raise BadMessageError(f"`id` is {_kind(chosen)}; it must be a text that is not empty")
    return _whole("id", chosen)


def _whole(key: str, text: str) -> str:
    r"""Returns the text if UTF-8 can encode it. JSON can hold `\ud83d`, half an emoji; a key can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadMessageError(f"`{key}` has half a character; it must be a text in Unicode") from None
    return text


def _kind(value: Any) -> str:
    """Returns the type of a JSON value in words; never the value, which may be private."""
    words = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")
