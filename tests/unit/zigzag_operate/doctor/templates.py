"""The template, read once, and edits of it as a person makes them."""

from __future__ import annotations

import copy
from typing import Any

from tests.project.docs.pages import ROOT

from zigzag_operate.doctor import Report, examine, template
from zigzag_operate.doctor.source import Located, read

TEMPLATE = read(ROOT / "template.yaml")
GONE = object()
"""The key is deleted."""

FIRST = "[0]"
"""In a path: the first of a list."""


def examined(*edits: tuple[str, Any], **parameters: str) -> Report:
    """Examines the template with these edits, each a path such as `TaskQueue.Properties.Tags` and a value."""
    source = TEMPLATE
    for path, value in edits:
        keys = path.split("/")
        top = keys if keys[0] in TEMPLATE else ["Resources", *keys]
        source = edited(source, top, value)
    return examine(template.facts_of(source, parameters))


def edited(found: Any, keys: list[str], value: Any) -> Any:
    """Returns a copy with the value at the path. All else is shared."""
    if not keys:
        return value
    made = copy.copy(found)
    if isinstance(made, Located):
        made.lines = found.lines
    key: Any = int(keys[0]) if isinstance(made, list) else keys[0]
    if len(keys) == 1 and value is GONE:
        del made[key]
    else:
        inner = made[key] if isinstance(made, list) else made.get(key, Located())
        made[key] = edited(inner, keys[1:], value)
    return made
