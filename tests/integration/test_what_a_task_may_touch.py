"""Does a task fit in at the marked places alone? A copy of the project gets one, as a user would add it.

The copy's own tests say whether all is well; and where there is a mistake, which line to change.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

NOT_THE_PROJECTS = (".*", "__pycache__", "node_modules")
# What reads the files and the places in which a user writes. Nothing else knows of the user's tasks.
JUDGES = (
    "tests/template",
    "tests/architecture",
    "tests/integration/test_the_table_of_tasks.py",
    "tests/unit/shared/test_settings.py",
)
JUDGED_WITHIN_SECONDS = 120

TASK = '''\
"""An order stored as YAML."""

import os

import yaml
from pydantic import BaseModel

from zigzag import Context, task


class Order(BaseModel):
    number: int


@task(attempts=3)
def keep_order(order: Order, context: Context) -> None:
    """Stores an order."""
    context.log.info("%s gets %s", os.environ["KEPT_ORDERS"], yaml.safe_dump(order.model_dump()))
'''

LINE = TASK.splitlines().index("@task(attempts=3)") + 1

PERMISSION = """\
- Effect: Allow
  Action: dynamodb:PutItem
  Resource: !Sub arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/kept-orders
"""


@dataclass(frozen=True)
class Copy:
    """A copy of the project in which a user works."""

    folder: Path

    def add_below(self, file: str, marker: str, lines: str) -> None:
        """Adds lines below the line that has the marker, as deep as it stands."""
        path = self.folder / file
        kept: list[str] = []
        for line in path.read_text().splitlines():
            kept.append(line)
            if marker in line:
                indent = line[: -len(line.lstrip())]
                kept.extend(f"{indent}{added}".rstrip() for added in lines.splitlines())
        path.write_text("\n".join(kept) + "\n")

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))

    def changed(self) -> set[str]:
        """The files that are not as in the project."""
        return {
            str(file.relative_to(self.folder))
            for file in self.folder.rglob("*")
            if file.is_file() and not is_same(file, PROJECT / file.relative_to(self.folder))
        }

    def judge(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Runs tests of the copy."""
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["--basetemp", str(self.folder.with_name("temp"))]  # else it cleans up after us, too
        return subprocess.run(
            [*command, *tests],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=JUDGED_WITHIN_SECONDS,
            check=False,
        )


def is_same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """With the task keep_order, and all that it needs."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*NOT_THE_PROJECTS))
    copy = Copy(folder)
    (folder / "src" / "tasks" / "keep_order.py").write_text(TASK)
    copy.add_below("src/tasks/__init__.py", "TASKS = {", '    "keep_order": "tasks.keep_order",')
    copy.add_below("src/requirements.txt", "# ==== YOURS:", pinned("PyYAML"))
    copy.add_below("template.yaml", "# ==== YOURS: environment variables", "KEPT_ORDERS: kept-orders")
    copy.add_below("template.yaml", "# ==== YOURS: permissions", PERMISSION)
    return copy


def pinned(package: str) -> str:
    """The package's line, as it is pinned for development: so it is here already."""
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))


def test_a_task_added_at_the_marked_places_breaks_nothing(copy: Copy) -> None:
    # Given a task, its permission, its variable and its package, in the user's files and places
    assert copy.changed() == {
        "src/tasks/keep_order.py",
        "src/tasks/__init__.py",
        "src/requirements.txt",
        "template.yaml",
    }

    # When the copy's tests are run
    done = copy.judge(*(test for test in JUDGES if (copy.folder / test).exists()))

    # Then all is well; that the task is one of those looked at, the mistakes below prove
    assert done.returncode == 0, done.stdout


def wrong_signature(copy: Copy) -> None:
    copy.replace("src/tasks/keep_order.py", "(order: Order, context: Context)", "(order: int)")


def generator(copy: Copy) -> None:
    copy.replace("src/tasks/keep_order.py", '    """Stores an order."""', "    yield order.number")


def no_such_module(copy: Copy) -> None:
    copy.replace("src/tasks/__init__.py", '"tasks.keep_order"', '"tasks.kept_order"')


def no_such_function(copy: Copy) -> None:
    copy.replace("src/tasks/__init__.py", '"keep_order"', '"keep_orders"')


def no_line(copy: Copy) -> None:
    copy.replace("src/tasks/__init__.py", '    "keep_order": "tasks.keep_order",\n', "")


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (wrong_signature, rf"src/tasks/keep_order.py:{LINE}: task keep_order takes a <class 'int'>, neither"),
        (generator, rf"src/tasks/keep_order.py:{LINE}: task keep_order is a generator"),
        (
            no_such_module,
            r"src/tasks/__init__.py:\d+: the task keep_order: tasks.kept_order can't be imported",
        ),
        (
            no_such_function,
            r"src/tasks/__init__.py:\d+: the task keep_orders: tasks.keep_order has no function",
        ),
        (no_line, r'src/tasks/__init__.py: no line .*: add "keep_order": "tasks.keep_order",'),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_mistake_is_named_with_the_line_to_change(
    copy: Copy, mistake: Callable[[Copy], None], words: str
) -> None:
    mistake(copy)

    done = copy.judge("tests/integration/test_the_table_of_tasks.py")

    assert done.returncode == 1
    assert re.search(words, done.stdout), done.stdout
