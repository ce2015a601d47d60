"""The JSON Schema of a task's messages, for producers in any language
(https://json-schema.org/draft/2020-12)."""

from __future__ import annotations

import math
from typing import Any

from pydantic.json_schema import models_json_schema

from tasks import TASKS
from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag import BadPayloadError, Task
from zigzag.body import MAX_REPLY_CHARACTERS, MAX_TIME
from zigzag_operate.errors import Kind, OperateError

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_REPLYS = {"type": "string", "minLength": 1, "maxLength": MAX_REPLY_CHARACTERS}


def schema(name: str | None = None) -> dict[str, Any]:
    """Returns the schema of the messages for the task called so; without a name, of all tasks' messages.

    The body of a message must fit it. The worker takes further keys next to `task`, and ignores them.

    Raises OperateError if there is no such task, or if one can't be described.
    """
    try:
        tasks = [find(one, TASKS) for one in (sorted(TASKS) if name is None else [name])]
    except (NoSuchTaskError, BrokenTaskError) as error:
        raise OperateError(str(error), Kind.BAD_PAYLOAD) from error
    payloads, shared = _payloads(tasks)
    messages = [_message(task, payload) for task, payload in zip(tasks, payloads, strict=True)]
    none: dict[str, Any] = {"not": {}}  # an empty oneOf is no schema
    of_all = messages[0] if name is not None else {"oneOf": messages} if messages else none
    return {"$schema": _DIALECT, **_as_json({**of_all, **({"$defs": shared} if shared else {})})}


def _as_json(described: Any) -> Any:
    """Returns a description without numbers that JSON has not, such as a default of infinity."""
    match described:
        case dict():
            return {key: _as_json(value) for key, value in described.items() if _is_json(value)}
        case list():
            return [_as_json(value) for value in described if _is_json(value)]
        case _:
            return described


def _is_json(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _payloads(tasks: list[Task[Any, Any, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Returns the schema of each task's payload, and the definitions that they refer to."""
    models = [task.model for task in tasks if task.model is not None]
    try:
        found, shared = models_json_schema([(model, "validation") for model in models])
    except Exception as error:  # of pydantic: a field of a model has no JSON type
        names = ", ".join(task.name for task in tasks)
        raise OperateError(f"the payload of {names} can't be described: {error}", Kind.BAD_PAYLOAD) from error
    return [
        {"type": "object"} if task.model is None else found[task.model, "validation"] for task in tasks
    ], shared.get("$defs", {})


def _message(task: Task[Any, Any, Any], payload: dict[str, Any]) -> dict[str, Any]:
    summary = (task.__doc__ or "").strip().partition("\n")[0]
    return {
        "title": task.name,
        **({"description": summary} if summary else {}),
        "type": "object",
        "properties": {
            "task": {"const": task.name},
            "id": {
                "description": "The task's id; without it, the MessageId.",
                "type": "string",
                "minLength": 1,
            },
            "payload": payload,
            "expires_at": {
                "description": "Epoch seconds: a message that has not started by then never does.",
                "type": "number",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": MAX_TIME,
            },
            "reply_to": {
                "description": "Name, ARN or URL of a queue or topic that the stack's ReplyTo names.",
                **_REPLYS,
            },
            "correlation_id": {"description": "The reply has it, or else the task's id.", **_REPLYS},
        },
        "required": ["task"] if _fits_without(task) else ["task", "payload"],
    }


def _fits_without(task: Task[Any, Any, Any]) -> bool:
    """Returns whether a message may lack the payload, which the worker then takes for an empty object."""
    try:
        task.parse({})
    except BadPayloadError:
        return False
    return True
