"""docs/add-a-task.md, done step by step by a reader who believes every word, in a copy of the project.

Then docs/tasks.md, whose examples go on from the tutorial's task.

The copy has the task `hello` and no other, and nothing in the marked places: in a project that followed
the page long ago, nothing is there twice.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.project.docs.pages import ROOT, Block, blocks, read
from tests.project.docs.patterns import file_of, write
from tests.project.template.reading import TEMPLATE, Template, arn, statements
from tests.project.template.reading import read as read_template
from tests.project.template.yours import without_yours

PAGE = read("docs/add-a-task.md")
TASKS_PAGE = read("docs/tasks.md")
PYTEST = ".venv/bin/pytest tests/tasks"

TABLE = '''\
"""The tasks."""

TASKS = {
    "hello": "tasks.hello",
}
'''

NOT_THE_PROJECTS = (".*", "__pycache__", "node_modules")
# Readers of the files and the places in which a user writes. Nothing else knows of the user's tasks.
JUDGES = (
    "tests/project/template",
    "tests/project/architecture/test_imports.py",
    "tests/project/architecture/test_import_time.py",
    "tests/project/architecture/test_shape.py",
    "tests/project/docs/test_costs.py",
    "tests/project/docs/test_links_and_names.py",
    "tests/project/docs/test_since_2017.py",
    "tests/project/checkout/test_the_table_of_tasks.py",
    "tests/unit/shared/test_settings.py",
)
SLOW_AND_NOT_ABOUT_TASKS = "tests/project/template/test_template_lint.py::test_sam_validate_finds_nothing"

# Runs code as a reader would in a script. Its sends stay in memory.
SCRIPT = """
import json, sys
from zigzag_testing import Sandbox
for code in json.load(sys.stdin):
    with Sandbox():
        exec(compile(code, "docs/tasks.md", "exec"), {"__name__": "page"})
"""


@dataclass
class Copy:
    """A copy of the project, what was written into it, and what its tests said."""

    folder: Path
    written: set[str] = field(default_factory=set)
    tested: list[subprocess.CompletedProcess[str]] = field(default_factory=list)

    def follow(self, block: Block) -> None:
        if block.language in ("python", "yaml") and (file := file_of(block)):
            write(self.folder, file)
            self.written.add(file.path)
        elif block.language == "sh" and PYTEST in block.text:
            self.tested.append(self.pytest("tests/tasks"))

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        temp = self.folder.with_name("temp")  # else it cleans up after us, too
        return self.python(
            "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(temp), *arguments
        )

    def python(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        environment: Mapping[str, str] = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))},
            "PYTHONPATH": "src:tools",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # a second of each start
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Returns the project after the whole page."""
    folder = tmp_path_factory.mktemp("page") / "project"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_THE_PROJECTS))
    shutil.rmtree(folder / "tests" / "tasks", ignore_errors=True)
    for module in (folder / "src" / "tasks").iterdir():
        if module.name not in ("__init__.py", "hello.py"):
            shutil.rmtree(module) if module.is_dir() else module.unlink()
    (folder / "src" / "tasks" / "__init__.py").write_text(TABLE, encoding="utf-8")
    template = without_yours(TEMPLATE.read_text(encoding="utf-8"), but_markers=True)
    (folder / "template.yaml").write_text(template, encoding="utf-8")
    copy = Copy(folder)
    for block in blocks(PAGE):
        copy.follow(block)
    return copy


def test_the_page_touches_the_files_that_it_names_and_no_other(copy: Copy) -> None:
    assert copy.written == {
        "src/tasks/take_order.py",
        "src/tasks/__init__.py",
        "tests/tasks/test_take_order.py",
        "template.yaml",
    }


def test_the_pages_own_tests_pass_each_time_that_it_runs_them(copy: Copy) -> None:
    assert [(done.returncode, done.stdout.splitlines()[-1].partition(" in ")[0]) for done in copy.tested] == [
        (0, "2 passed"),
        (0, "2 passed"),
    ]


def test_the_new_task_is_listed(copy: Copy) -> None:
    done = copy.python("-m", "zigzag_cli", "tasks", "--json")

    listed = {one["name"]: one for one in json.loads(done.stdout)}
    assert listed["take_order"]["payload"] == {"number": "string", "items": "object"}
    assert listed["take_order"]["attempts"] == 3


def test_the_tutorial_has_no_code_that_it_does_not_use() -> None:
    assert [block.text for block in blocks(PAGE, "python") if not file_of(block)] == []


def test_the_tutorial_ends_with_a_deployed_task() -> None:
    *_, last = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)

    assert last == "6. Deploy it"
    assert "sam build && sam deploy" in PAGE.partition(last)[2]


def test_every_piece_of_code_of_the_reference_runs(copy: Copy) -> None:
    code = [block.text for block in blocks(TASKS_PAGE, "python")]

    done = copy.python("-c", SCRIPT, given=json.dumps(code))

    assert done.returncode == 0, done.stderr
    assert len(code) >= 8


def test_every_body_that_is_sent_is_taken_but_for_the_order_of_nothing(copy: Copy) -> None:
    text = PAGE + TASKS_PAGE
    sent = re.findall(r"send(?: --local)? (\w+) '(\{.*\})'", text)
    bodies = [json.dumps({"task": name, "payload": json.loads(payload)}) for name, payload in sent]
    bodies += re.findall(r"""--message-body '(.*?)'$""", text, re.MULTILINE)
    check = """
import json, sys
from tasks.take_order import take_order
from zigzag import BadPayloadError
for body in json.load(sys.stdin):
    assert json.loads(body)["task"] == "take_order"
    try:
        take_order.check(json.loads(body)["payload"])
    except BadPayloadError:
        print(body)
"""

    done = copy.python("-c", check, given=json.dumps(bodies))

    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["payload"]["items"] for line in done.stdout.splitlines()] == [{}]
    assert len(bodies) >= 4


def test_the_pages_part_of_the_template_reaches_the_worker(copy: Copy) -> None:
    ours = without_yours(TEMPLATE.read_text(encoding="utf-8"))

    template: Template = read_template((copy.folder / "template.yaml").read_text(encoding="utf-8"), ours)

    assert template.resources["OrderTable"]["Type"] == "AWS::DynamoDB::Table"
    assert template.variables("WorkerFunction")["ORDER_TABLE"] == {"Ref": "OrderTable"}
    allowed = statements(template.properties("TasksPolicy")["PolicyDocument"])
    assert (["dynamodb:PutItem"], [arn("OrderTable")]) in [
        (one["Action"], one["Resource"]) for one in allowed
    ]


@pytest.mark.slow
def test_zigzags_tests_pass_after_the_page(copy: Copy) -> None:
    done = copy.pytest(*JUDGES, f"--deselect={SLOW_AND_NOT_ABOUT_TASKS}")

    assert done.returncode == 0, done.stdout
