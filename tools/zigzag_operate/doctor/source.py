"""Reads a template's YAML, and knows the line of each of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from zigzag_operate.errors import Kind, OperateError

_SHORT = {"Ref": "Ref", "Condition": "Condition"}
"""The functions that have no `Fn::` in front of their long form."""

ANCHORS = {"TaskQueue", "DeadLetterQueue", "ConsumerFunction", "WorkerFunction", "RecordsTable"}
"""Resources of every template of Zigzag's. One that is broken may lack some."""


class Located(dict[str, Any]):
    """A mapping of the file, and the line of each key."""

    def __init__(self, of: Mapping[str, Any] | None = None) -> None:
        super().__init__(of or {})
        self.lines: dict[str, int] = {}


def read(file: Path) -> Located:
    """Returns the template. Raises OperateError if it can't be read, or is none of Zigzag's."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
        raise OperateError(
            f"{file} can't be read: {why}. Name a template with --template", Kind.WRONG
        ) from error
    return parsed(text, str(file))


def parsed(text: str, name: str) -> Located:
    """Returns the template of that text. Raises OperateError if it is no YAML, or is none of Zigzag's."""
    loader = yaml.CSafeLoader(text)
    try:
        found = _value(loader.get_single_node(), loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise OperateError(f"{name} is no YAML{_where(error)}", Kind.WRONG) from error
    resources = found.get("Resources") if isinstance(found, Located) else None
    if not isinstance(resources, dict) or len(ANCHORS & resources.keys()) < 2:
        raise OperateError(
            f"{name} is no template of Zigzag's: of {', '.join(sorted(ANCHORS))} it has one at most",
            Kind.WRONG,
        )
    made: Located = found
    return made


def line_of(found: Any, path: tuple[str, ...]) -> int | None:
    """Returns the line of the deepest key of `path` that is there, or None if not even the first is."""
    return lines_of(found, path)[-1]


def lines_of(found: Any, path: tuple[str, ...]) -> list[int | None]:
    """Returns None, and the line of each key of `path` down to the deepest that is there."""
    lines: list[int | None] = [None]
    for key in path:
        if isinstance(found, Located) and key in found:
            lines.append(found.lines.get(key, lines[-1]))
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            lines.append(lines[-1])
            found = found[int(key)]
        else:
            break
    return lines


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    return (f", line {mark.line + 1}" if mark else "") + (f": {problem}" if problem else "")


def _value(node: Any, loader: Any) -> Any:
    if node is None:
        return None
    value = _plain(node, loader)
    if not node.tag.startswith("!"):
        return value
    name = node.tag[1:]
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    made = Located()
    long = _SHORT.get(name, f"Fn::{name}")
    made[long], made.lines[long] = value, node.start_mark.line + 1
    return made


def _plain(node: Any, loader: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        made = Located()
        for key, value in node.value:
            name = str(key.value)
            if name in made:
                line = key.start_mark.line + 1
                raise OperateError(f"the template has {name} twice, again in line {line}", Kind.WRONG)
            made[name], made.lines[name] = _value(value, loader), key.start_mark.line + 1
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, loader) for one in node.value]
    if node.tag.startswith("!"):
        return node.value
    return loader.construct_object(node)
