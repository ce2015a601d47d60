"""Reads a call of a Celery task from kombu's message, if it is JSON and can be done as it was meant.

kombu puts a message on SQS as JSON in base64, or as JSON itself; its `body` is base64 once more. Protocol 2
has the task in `headers`, and `[args, kwargs, embed]` as the body
(https://docs.celeryq.dev/en/stable/internals/protocol.html). A call of which a part would be lost is refused:
a callback would never run, a delay would not be kept.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from zigzag.body import BadMessageError, NoTaskError, kind, read_value

WHAT = "a message of Celery"

_AS_TEXT = ("datetime", "date", "time", "decimal", "uuid", "bytes")
"""The types whose value, as kombu writes it, is the text that pydantic reads."""


class Call(NamedTuple):
    """A call of a task, by Celery's name of it. `expires` is its time, in epoch seconds."""

    task: str
    id: str
    args: list[Any]
    kwargs: dict[str, Any]
    expires: float | None = None


def from_base64(text: str) -> str:
    """Returns the text that is in base64. Raises NoTaskError if it is none in UTF-8."""
    try:
        return base64.b64decode(text.encode().translate(None, b" \t\n\r\v\f"), validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise NoTaskError("the body is neither JSON, nor JSON in base64") from None


def call_of(message: dict[str, Any], now: float | None) -> Call | None:
    """Returns the call in a message of kombu, or None if it is no such message. Raises BadMessageError.

    now -- when it was received, in epoch seconds, or None if that is not known.
    """
    headers, properties, body = (message.get(key) for key in ("headers", "properties", "body"))
    if not (isinstance(headers, dict) and isinstance(properties, dict) and isinstance(body, str)):
        return None
    _check_content(message, headers)
    try:
        found = read_value(from_base64(body) if properties.get("body_encoding") == "base64" else body)
    except BadMessageError as error:
        reason = "it is not JSON" if isinstance(error, NoTaskError) else error
        raise BadMessageError(f"it is {WHAT}, and its content can't be read: {reason}") from None
    if isinstance(found, dict) and "task" in found:
        raise _refusal("it is of protocol 1: set `task_protocol = 2` where it is sent")
    name, id = headers.get("task"), headers.get("id")
    if not (isinstance(name, str) and isinstance(id, str) and name and id):
        raise _refusal("it names no task and no id in its headers")
    args, kwargs, embed = found if isinstance(found, list) and len(found) == 3 else (None, None, None)
    if not (isinstance(args, list) and isinstance(kwargs, dict) and isinstance(embed, dict | None)):
        raise _refusal(f"its content is {kind(found)}; it must be [args, kwargs, embed]")
    _check_what_would_be_lost(headers, embed or {}, now)
    plain = {key: _plain(value) for key, value in kwargs.items()}
    return Call(name, id, _plain(args), plain, _time(headers, "expires"))


def payload_of(call: Call, names: Sequence[str]) -> dict[str, Any]:
    """Returns a call's arguments by their names. Raises BadMessageError.

    names -- of the arguments that came without one, in their order.
    """
    if len(call.args) > len(names):
        raise _refusal(
            f"it has {len(call.args)} arguments without a name, and its line in EVENTS names {len(names)}: "
            'write `"…": "task(first, second)"`, or send all by name'
        )
    given = dict(zip(names, call.args, strict=False))
    if twice := [name for name in given if name in call.kwargs]:
        raise _refusal(f"it has the argument {twice[0]} twice, once without its name")
    return given | call.kwargs


def _plain(value: Any) -> Any:
    """Returns the value without kombu's marks of types, as JSON has it: a time, a number or an id is a text.

    kombu 5.3 and later mark them
    (https://github.com/celery/kombu/blob/v5.3.0/kombu/utils/json.py).
    """
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {"__type__", "__value__"}:
        return {key: _plain(one) for key, one in value.items()}
    marked, told = value["__type__"], value["__value__"]
    if marked == "uuid" and isinstance(told, dict):
        told = told.get("hex")
    if marked not in _AS_TEXT or not isinstance(told, str):
        raise _refusal(f"it has a value of the type {str(marked)[:50]!r}: send it as JSON has it")
    return told


def _check_content(message: dict[str, Any], headers: dict[str, Any]) -> None:
    if message.get("content-type") != "application/json":
        raise _refusal(
            "its content is no JSON, and pickle, YAML and msgpack are not read: pickle can run any code; "
            "set `task_serializer = 'json'` where it is sent"
        )
    if str(message.get("content-encoding", "utf-8")).lower() not in ("utf-8", "us-ascii"):
        raise _refusal("its content is not in UTF-8")
    if headers.get("compression"):
        raise _refusal("it is compressed: leave out `task_compression` where it is sent")


def _check_what_would_be_lost(headers: dict[str, Any], embed: dict[str, Any], now: float | None) -> None:
    """Raises BadMessageError if the call, run now and alone, would not be what its sender meant."""
    for part in ("callbacks", "errbacks", "chain", "chord"):
        if embed.get(part):
            raise _refusal(
                f"it has a part that nothing here would run, `{part}`: let the task send what follows"
            )
    if (eta := _time(headers, "eta")) is not None and (now is None or eta > now):
        raise _refusal(
            "its `eta` or `countdown` has not come: redrive it then, or send it with delay_seconds"
        )


def _time(headers: dict[str, Any], name: str) -> float | None:
    """Returns a time in epoch seconds, at least 0, which a reason can name; one without a zone is UTC's, as
    Celery has it."""
    value = headers.get(name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _refusal(f"its `{name}` is no time") from None
    return max(0.0, (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _refusal(reason: str) -> BadMessageError:
    return BadMessageError(f"it is {WHAT}: {reason}")
