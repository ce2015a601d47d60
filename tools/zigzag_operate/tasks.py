"""The tasks of `src/tasks/`: names, payload fields, policy."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tasks import TASKS
from worker.lookup import BrokenTaskError, find
from zigzag.policy import DEFAULT


@dataclass(frozen=True, slots=True)
class Waits:
    """A backoff in seconds: the longest first wait, and the longest of all."""

    first: float
    longest: float


@dataclass(frozen=True, slots=True)
class Described:
    """A task. `payload` has the type of each field, with a `?` after an optional name; None is any object.
    `on_failure` has the word of each class of exceptions, or under `default` that of all."""

    name: str
    summary: str
    payload: dict[str, str] | None
    attempts: int
    idempotent: bool
    backoff: Waits
    on_failure: dict[str, str]


@dataclass(frozen=True, slots=True)
class Broken:
    """A task that can't be described, and why."""

    name: str
    error: str


def described() -> list[Described | Broken]:
    """Returns all tasks, by name."""
    return [_described(name) for name in sorted(TASKS)]


def expiring() -> dict[str, float]:
    """Returns the tasks whose messages expire, with their `start_within` in seconds. A task that can't be
    imported here is left out."""
    found: dict[str, float] = {}
    for name in sorted(TASKS):
        with suppress(BrokenTaskError):
            within = find(name, TASKS).policy.start_within
            found |= {} if within is None else {name: within}
    return found


def _described(name: str) -> Described | Broken:
    try:
        task = find(name, TASKS)
        payload = _fields(task.model)
    except BrokenTaskError as error:
        return Broken(name, str(error))
    except Exception as error:  # of pydantic: a field of the model has no JSON type
        return Broken(name, f"its payload can't be described: {error}")
    return Described(
        name,
        (task.__doc__ or "").strip().partition("\n")[0].partition(". ")[0].rstrip("."),
        payload,
        task.policy.attempts,
        bool(task.policy.idempotent),
        Waits(task.policy.backoff.first, task.policy.backoff.longest),
        _words(task.policy.on_failure),
    )


def _words(on_failure: str | tuple[tuple[type[BaseException] | str, str], ...]) -> dict[str, str]:
    if isinstance(on_failure, str):
        return {DEFAULT: on_failure}
    return {named if isinstance(named, str) else named.__name__: word for named, word in on_failure}


def _fields(model: Any) -> dict[str, str] | None:
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
