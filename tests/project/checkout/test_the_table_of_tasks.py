"""Does every line of the table in src/tasks/__init__.py lead to a task, and every task have its line?

The worker finds out only when a message comes. This finds out before a deployment.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import tasks
from tasks import TASKS
from worker.foreign.lines import line_of
from worker.lookup import BrokenTaskError, find
from zigzag import Task
from zigzag.policy import DEAD_LETTER, IGNORE, NOTIFY

TABLE = Path(tasks.__file__)

# A package that warns while it is imported is no fault of the table.
pytestmark = pytest.mark.filterwarnings("default")


def place_of(name: str) -> str:
    """Returns the name's place in the table: file and line, to click on."""
    for number, line in enumerate(TABLE.read_text().splitlines(), start=1):
        if f'"{name}"' in line or f"'{name}'" in line:
            return f"{TABLE}:{number}"
    return str(TABLE)


@pytest.mark.parametrize("name", TASKS)
def test_a_line_of_the_table_leads_to_a_task(name: str) -> None:
    try:
        task = find(name, TASKS)
    except BrokenTaskError as error:
        pytest.fail(f"{place_of(name)}: the task {name}: {error}", pytrace=False)
    unknown = task.policy.words - {DEAD_LETTER, IGNORE, NOTIFY, *TASKS}
    if unknown:
        names = ", ".join(sorted(unknown))
        pytest.fail(f"{place_of(name)}: on_failure of {name} names no task: {names}", pytrace=False)


@pytest.mark.parametrize("file", sorted(TABLE.parent.glob("[!_]*.py")), ids=lambda file: file.stem)
def test_a_task_has_its_line_in_the_table(file: Path) -> None:
    try:
        module = importlib.import_module(f"tasks.{file.stem}")
    except Exception as error:  # a task's module may raise anything
        pytest.fail(f"{file} can't be imported: {type(error).__name__}: {error}", pytrace=False)
    missing = [name for name, found in vars(module).items() if isinstance(found, Task) and name not in TASKS]
    if missing:
        pytest.fail(
            f'{TABLE}: no line for the task {missing[0]}: add "{missing[0]}": "tasks.{file.stem}",',
            pytrace=False,
        )


def test_a_place_of_leads_to_a_task() -> None:
    wrong = []
    for key, value in getattr(tasks, "EVENTS", {}).items():
        try:
            if (line := line_of(key, value)).task not in TASKS:
                wrong.append(f"{place_of(key)}: there is no task {line.task}, to which {key!r} leads")
        except BrokenTaskError as error:
            wrong.append(f"{place_of(key)}: {error}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
