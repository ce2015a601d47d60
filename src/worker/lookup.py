"""Finds the function of a task's name. The table in `tasks/__init__.py` says which module has it.

A module is imported when the first message for it comes: a heavy import does not slow the cold starts of
other tasks, and a broken one does not stop them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from shared.errors import words
from zigzag import Task

Table = Mapping[str, str | Task[Any, Any, Any]]
"""Maps a task's name to its module or, in tests, to the task itself."""


class NoSuchTaskError(LookupError):
    """No task has that name. A deploy under way may bring it, so the message is retried."""


class BrokenTaskError(Exception):
    """The task is in the table, but can't be loaded. A deploy may repair it, so the message is retried."""


def find(name: str, table: Table) -> Task[Any, Any, Any]:
    """Returns the task called `name`.

    Raises NoSuchTaskError, or BrokenTaskError with the import's error as its cause.
    """
    if name not in table:
        known = ", ".join(sorted(table)) or "none"
        raise NoSuchTaskError(f"no task is called {name[:100]!r}; there are: {known}")
    entry = table[name]
    if isinstance(entry, Task):
        return entry
    try:
        module = importlib.import_module(entry)
    except (Exception, SystemExit) as error:
        raise BrokenTaskError(f"{entry} can't be imported: {words(error)}") from error
    found = getattr(module, name, None)
    if not isinstance(found, Task):
        raise BrokenTaskError(f"{entry} has no function {name} under @task; tasks/__init__.py says it has")
    return found
