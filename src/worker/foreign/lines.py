"""The lines of EVENTS in `tasks/__init__.py`: which task runs for an event of a foreign sender."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from typing import NamedTuple

import tasks
from worker.lookup import BrokenTaskError
from zigzag.body import BadMessageError

KINDS = ("s3", "sns", "eventbridge", "alarm", "celery")
"""The beginnings of keys of EVENTS, before the first colon."""

_KEYS = ", ".join(kind if kind != "celery" else "celery:ITS NAME" for kind in KINDS)

_WITH_NAMES = r"(\w+)(?:\(([^()]*)\))?"


class Line(NamedTuple):
    """A line of EVENTS.

    names -- of the arguments that Celery sends without a name, in their order.
    """

    key: str
    task: str
    names: tuple[str, ...]


def line_for(keys: Sequence[str], what: str, refused: str) -> Line:
    """Returns the first of the keys' lines.

    what    -- the event, in words.
    refused -- why the body is not ours.

    Raises BadMessageError if EVENTS has none of the keys, and BrokenTaskError if the line can't be read: it
    may be repaired by a deployment.
    """
    events = getattr(tasks, "EVENTS", {})  # a table of an earlier version has none
    for key in keys:
        if key in events:
            return line_of(key, events[key])
    kind = keys[-1].partition(":")[0]
    wanted = '"celery:ITS NAME": "your_task"' if kind == "celery" else f'"{kind}": "your_task"'
    raise BadMessageError(
        f"{refused}; it is {what}, and EVENTS in src/tasks/__init__.py has no line for it: "
        f"write `{wanted}`, deploy, and redrive"
    )


def line_of(key: str, value: object) -> Line:
    """Reads a line. Raises BrokenTaskError."""
    kind, _, name = key.partition(":")
    if kind not in KINDS or (kind == "celery" and not name):
        raise BrokenTaskError(f"EVENTS in src/tasks/__init__.py: {key!r} is none of {_KEYS}")
    found = re.fullmatch(_WITH_NAMES, value) if isinstance(value, str) else None
    if found is not None and (found[2] is None or kind == "celery"):
        names = tuple(name.strip() for name in (found[2] or "").split(",") if name.strip())
        if len(set(names)) == len(names) and all(map(_is_name, names)):
            return Line(key, found[1], names)
    wanted = "like `resize(key, width)`" if kind == "celery" else "and nothing else"
    raise BrokenTaskError(f"EVENTS in src/tasks/__init__.py: {key!r} may lead to a task's name, {wanted}")


def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)
