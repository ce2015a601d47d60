"""Which function is a task's name? The table in `tasks/__init__.py` says which module has it.

A module is imported when the first message for it comes: a heavy import is not everybody's cold
start, and a broken one is not everybody's outage.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from shared.errors import words
from zigzag import Task

Table = Mapping[str, str | Task[Any, Any, Any]]
"""The tasks: name to module; or, in tests, name to the task itself."""


class NoSuchTaskError(LookupError):
    """No task of that name. It may be in a deploy that is under way, so it is retried."""


class BrokenTaskError(Exception):
    """The task is in the table, but it can't be loaded. A deploy may mend it, so it is retried."""


def find(name: str, table: Table) -> Task[Any, Any, Any]:
    """The task called `name`.

    Raises NoSuchTaskError or BrokenTaskError, whose cause is what the import raised.
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
