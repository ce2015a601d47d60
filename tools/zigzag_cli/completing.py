"""Tells a shell the words that only this project knows: its tasks. It runs at each press of Tab.

So it imports nothing but the standard library, and no code of a user's: it reads the table of tasks as text.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ASKED = ["completion", "tasks"]
"""The arguments by which a script of `zigzag completion` asks."""

_NAME = "TASKS"
_PLAIN = re.compile(r"[\w.:-]+")
"""A shell expands other characters."""

_TABLE = Path(__file__).resolve().parents[2] / "src" / "tasks" / "__init__.py"


def tasks() -> list[str]:
    """Returns the names in the table of tasks; none if it can't be read, as a terminal would show why."""
    try:
        table = ast.parse(_TABLE.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    return [
        key.value
        for statement in table.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Dict)
        if ast.unparse(statement).startswith(_NAME)
        for key in statement.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and _PLAIN.fullmatch(key.value)
    ]
