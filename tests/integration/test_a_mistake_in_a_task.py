"""A mistake in a user's task is named, with the line to change, by the test of the table of tasks.

That a task fits in at the marked places is what tests/project/docs/test_add_a_task.py does, step by step.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from tests.project.architecture.modules import ROOT
from tests.projects import run

TABLE = "src/tasks/__init__.py"
TASK = "src/tasks/keep_order.py"
LINE = '    "keep_order": "tasks.keep_order",\n'

CODE = """\
from zigzag import task


@task(attempts=3)
def keep_order(order: dict[str, int]) -> None:
    ...
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a project of what the table and its test need."""
    folder = tmp_path_factory.mktemp("user") / "project"
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "tests/project/checkout/test_the_table_of_tasks.py"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    return folder


@pytest.mark.parametrize(
    ("file", "right", "wrong", "words"),
    [
        pytest.param(
            TASK,
            "dict[str, int]",
            "int",
            rf"{TASK}:4: task keep_order takes a <class 'int'>, neither",
            id="a wrong signature",
        ),
        pytest.param(
            TABLE,
            '"tasks.keep_order"',
            '"tasks.kept_order"',
            rf"{TABLE}:\d+: the task keep_order: tasks.kept_order can't be imported",
            id="no such module",
        ),
        pytest.param(
            TABLE,
            '"keep_order"',
            '"keep_orders"',
            rf"{TABLE}:\d+: the task keep_orders: tasks.keep_order has no function",
            id="no such function",
        ),
        pytest.param(
            TABLE, LINE, "", rf'{TABLE}: no line .*: add "keep_order": "tasks.keep_order",', id="no line"
        ),
    ],
)
def test_a_mistake_is_named_with_the_line_to_change(
    project: Path, file: str, right: str, wrong: str, words: str
) -> None:
    table = (ROOT / TABLE).read_text(encoding="utf-8").replace("TASKS = {\n", "TASKS = {\n" + LINE)
    for path, text in {TABLE: table, TASK: CODE}.items():
        text = text.replace(right, wrong) if path == file else text
        (project / path).write_text(text, encoding="utf-8")

    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    command += ["--basetemp", str(project.with_name("temp"))]  # else it cleans up after us, too
    done = run(project, *command)

    assert done.returncode == 1
    assert re.search(words, done.stdout), done.stdout
