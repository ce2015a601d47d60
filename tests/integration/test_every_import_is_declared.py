"""A package that a task imports and nobody declared is red in `make check`, though the tools brought it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.modules import ROOT


def check(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "declared.py"), str(project)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def of_a_task(folder: Path, code: str, *requirements: str) -> subprocess.CompletedProcess[str]:
    """What is said of a project with this task and these packages."""
    (folder / "src" / "tasks").mkdir(parents=True)
    (folder / "src" / "tasks" / "mine.py").write_text(code)
    (folder / "src" / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
    return check(folder)


def test_the_project_declares_all_that_it_imports() -> None:
    done = check(ROOT)

    assert (done.returncode, done.stdout) == (0, "every import is declared\n")


@pytest.mark.parametrize("code", ["import yaml", "from yaml import nodes", "def run():\n    import yaml"])
def test_a_package_that_only_happens_to_be_here_is_red_by_its_line(tmp_path: Path, code: str) -> None:
    done = of_a_task(tmp_path, f"\n{code}\n")

    assert done.returncode == 1
    assert done.stdout.startswith("src/tasks/mine.py:")
    assert "imports yaml, which no line of src/requirements.txt brings" in done.stdout


def test_a_package_that_is_nowhere_is_red(tmp_path: Path) -> None:
    assert of_a_task(tmp_path, "import not_here_at_all").returncode == 1


def test_what_another_package_needs_is_not_declared_by_that(tmp_path: Path) -> None:
    assert of_a_task(tmp_path, "import idna", "requests==2.34.2").returncode == 1


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import yaml.nodes", "PyYAML==6.0.3"),
        ("from dateutil import tz", ""),
        ("import boto3, botocore.exceptions, json", ""),
        ("from ruamel.yaml import YAML", "ruamel-yaml==0.19.1 --hash=sha256:0"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import yaml", ""),
        ("try:\n    import yaml\nexcept ImportError:\n    yaml = None", ""),
    ],
)
def test_what_is_declared_there_anyway_or_not_needed_is_no_offender(
    tmp_path: Path, code: str, line: str
) -> None:
    done = of_a_task(tmp_path, code, line)

    assert (done.returncode, done.stdout) == (0, "every import is declared\n")


def test_the_check_is_part_of_make_check() -> None:
    makefile = (ROOT / "Makefile").read_text()

    assert "tools/declared.py" in makefile.partition("check: setup")[2].partition("\n\n")[0]
