"""Writes a line of a function's log for a person: the outcome first, and the folded traceback last."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SAID = {"outcome", "task", "id", "attempt", "settled", "reason", "level", "message", "traceback"}
_FOR_AN_AUDIT = {"receives", "started", "ran_seconds", "called", "idempotent"}
_LEFT_OUT = {*_SAID, *_FOR_AN_AUDIT, "timestamp", "_aws", "message_id", "version"}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that control a terminal, or change the direction of text. A tab and a line break stay."""

_FRAME = '  File "'
_LIBRARY = re.compile(
    r'"(<frozen |/var/(lang|runtime)/|/opt/|.*/(site-packages|dist-packages|python3[\d.]*)/'
    r"|.*/src/(worker|server|zigzag|shared)/|/var/task/(worker|zigzag|shared)/)"
)
"""Files of frames in which nobody looks for the mistake of a task."""


def readable(text: str) -> str:
    """Returns the line in words, or unchanged if it is no JSON object; without control characters."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    is_ours = isinstance(line, dict) and "message" in line
    return harmless(_words(line) if is_ours else _continued(text))


def harmless(text: str) -> str:
    """Returns the text with each control character written as an escape, so that no terminal obeys it."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def in_a_line(text: str) -> str:
    """Returns the text with control characters, tabs and line breaks as escapes."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def _words(line: Mapping[str, Any]) -> str:
    level, message = line.get("level"), line["message"]
    if "outcome" in line:
        message = " ".join(str(line[name]) for name in ("outcome", "task") if line.get(name) is not None)
        if line.get("id") is not None:
            message += f" ({line['id']})"
        if line.get("attempt"):
            message += f", attempt {line['attempt']}"
        if line.get("settled") is False:
            message += ", not settled"
        if line.get("reason") is not None:
            message += f": {line['reason']}"
    more = " ".join(f"{name}={_value(line[name])}" for name in line if name not in _LEFT_OUT)
    said = "" if level in (None, "INFO") else f"{level} "
    traceback = line.get("traceback")
    behind = [] if traceback is None else folded(str(traceback))
    return _continued("\n".join([f"{said}{message}  {more}".rstrip(), *behind]))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _continued(text: str) -> str:
    """Returns the text with its further lines indented: none can be taken for a line of the log."""
    return text.replace("\n", "\n    ")


def folded(traceback: str) -> list[str]:
    """Returns the lines of a traceback, with the frames of libraries, Python and Zigzag as a number."""
    lines: list[str] = []
    hidden, in_library = 0, False
    for line in [*traceback.splitlines(), ""]:
        if line.startswith(_FRAME):
            in_library = _LIBRARY.search(line) is not None
            hidden += in_library
        elif not line.startswith("    "):
            in_library = False
        if in_library:
            continue
        if hidden:
            lines.append(f"  … {hidden} frame{'' if hidden == 1 else 's'} of libraries")
            hidden = 0
        lines.append(line)
    return lines[:-1]
