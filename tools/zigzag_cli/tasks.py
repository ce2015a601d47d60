"""Describes the tasks in `src/tasks/`: names, payload fields, policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag import Task
from zigzag_cli.failure import BAD_PAYLOAD, Failure


def load(name: str, table: Mapping[str, str]) -> Task[Any, Any, Any]:
    """Returns the task called `name`. Raises Failure."""
    try:
        return find(name, table)
    except (NoSuchTaskError, BrokenTaskError) as error:
        raise Failure(str(error), BAD_PAYLOAD) from error


def describe(name: str, table: Mapping[str, str]) -> dict[str, Any]:
    """Returns a task as JSON: name, summary, payload fields with their types, policy; or its error."""
    try:
        task = find(name, table)
        payload = _fields(task.model)
    except BrokenTaskError as error:
        return {"name": name, "error": str(error)}
    except Exception as error:  # of pydantic: a field of the model has no JSON type
        return {"name": name, "error": f"its payload can't be described: {error}"}
    backoff = task.policy.backoff
    return {
        "name": name,
        "summary": (task.__doc__ or "").strip().partition("\n")[0].partition(". ")[0].rstrip("."),
        "payload": payload,
        "attempts": task.policy.attempts,
        "idempotent": bool(task.policy.idempotent),
        "backoff": {"first": backoff.first, "longest": backoff.longest},
    }


def words(described: Mapping[str, Any]) -> str:
    """Returns the task in lines for a terminal of any width, its name whole."""
    fields = {"any": "object"} if described["payload"] is None else described["payload"]
    payload = ", ".join(f"{name}: {kind}" for name, kind in fields.items())
    wait = f"{described['backoff']['first']:g} to {described['backoff']['longest']:g} s"
    once = ", once for an id" if described["idempotent"] else ""
    first = f"{described['name']}  {described['summary']}".rstrip()
    return f"{first}\n  {payload}\n  {described['attempts']} attempts, after {wait}{once}"


def _fields(model: Any) -> dict[str, str] | None:
    """Returns the type of each field, with a `?` after an optional name; None for a plain dict."""
    if model is None:
        return None
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return {
        name + ("" if name in required else "?"): _type(field)
        for name, field in schema.get("properties", {}).items()
    }


def _type(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    if field.get("type") == "array":
        return f"array of {_type(field.get('items', {}))}"
    return str(field.get("format") or field.get("type") or field.get("$ref", "any").rpartition("/")[2])
