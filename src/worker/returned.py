"""Tells others what a task returned, as JSON. Few tasks are asked for it."""

from __future__ import annotations

import json
from typing import Any

from shared.errors import words
from zigzag.values import Next


class ResultError(Exception):
    """A task's result can't be told. The text says why, and what to return."""


def json_of(returned: Any, most_bytes: int, what: str) -> Any:
    """Returns what a task returned, as JSON has it. Raises ResultError.

    most_bytes -- how many `what` takes.
    """
    try:
        text = json.dumps(returned, default=_dumped, ensure_ascii=False, allow_nan=False)
        size, told = len(text.encode()), json.loads(text, object_pairs_hook=_unique)
    except Exception as error:  # of JSON, or of the user's class
        raise ResultError(f"{words(error)}; return JSON, or a pydantic model") from None
    if size > most_bytes:
        raise ResultError(
            f"it has {size:,} bytes, and {what} takes {most_bytes:,}; store it, and return where"
        )
    return told


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("two keys of a dict are the same text in JSON")
    return found


def _dumped(value: Any) -> Any:
    """Returns a pydantic model as JSON has it. pydantic is not loaded for others."""
    if type(value) is Next:
        raise TypeError("a next task is sent after a message, and there is none here")
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} is no JSON")
    return dump(mode="json", by_alias=True)  # the names that a receiver knows, as `send` writes them
