"""How is a message decoded? Body and attributes in; task, payload and id out, or a reason why not.

The body is JSON: `{"task": "resize_image", "payload": {…}, "id": "…"}`, where `payload` and `id` may be
missing and other keys are ignored. A message attribute `task` marks a raw body: then the whole body
is the payload (an S3 event, an SNS notification).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from shared.dead_letter import note_of, original_attributes
from shared.delivery import Delivery


class BadMessageError(ValueError):
    """The message is none of ours, and no retry will make it one."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer asked for.

    id -- the producer's, else the one from before a redrive, else the MessageId.
    """

    task: str
    payload: dict[str, Any]
    id: str


def decode(delivery: Delivery) -> Message:
    """The message of a delivery.

    Raises BadMessageError, in words for the person who finds the dead letter.
    """
    body = _json_object(delivery.body)
    raw = original_attributes(delivery).get("task")
    if raw is not None:
        if not raw.get("StringValue"):
            raise BadMessageError("the attribute `task` is no text; it must be the name of a task")
        return Message(raw["StringValue"], body, _task_id({}, delivery))
    payload = body.get("payload", {})
    if not isinstance(payload, dict):
        raise BadMessageError(f"`payload` is {_kind(payload)}; it must be a JSON object")
    return Message(_task_name(body.get("task")), payload, _task_id(body, delivery))


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessageError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadMessageError(f"the body is {_kind(value)}; it must be a JSON object with a `task`")
    return value


def _task_name(name: Any) -> str:
    if name is None:
        raise BadMessageError('the body names no task; it must be like {"task": "hello", "payload": {}}')
    if not isinstance(name, str) or not name:
        raise BadMessageError(f"`task` is {_kind(name)}; it must be the name of a task")
    return name


def _task_id(body: dict[str, Any], delivery: Delivery) -> str:
    chosen = body.get("id")
    if chosen is None:
        chosen = note_of(delivery).get("id") or delivery.message_id
    if not isinstance(chosen, str) or not chosen:
        raise BadMessageError(f"`id` is {_kind(chosen)}; it must be a text that is not empty")
    return chosen


def _kind(value: Any) -> str:
    """What a JSON value is, in words; never the value, which may be private."""
    words = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")
