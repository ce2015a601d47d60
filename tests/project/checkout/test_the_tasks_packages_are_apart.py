"""The packages of tasks have an environment of their own, with the tools' packages and commands behind them.

A package `shared` is in both here, in two versions, as when a task needs an old one that a tool needs newer.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.project.architecture.modules import ROOT

TASKS, TOOLS = "1.0", "2.0"
SAYS = "import shared, sys; print(shared.VERSION)"


def wheel(folder: Path, name: str, version: str) -> Path:
    """Writes a package of one module, which knows its version."""
    file = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        opened.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        opened.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr(f"{about}/RECORD", "")
    return file


def said(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_environment(project: Path, *requirements: str) -> subprocess.CompletedProcess[str]:
    command = [ROOT / "tools" / "make-environment", sys.executable, ".venv", "--before", ".venv-tools"]
    return subprocess.run([*command, *requirements], cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with both environments. Its name is no easy one."""
    project = tmp_path_factory.mktemp("a user's") / "own project"
    tools = project / ".venv-tools"
    subprocess.run([sys.executable, "-m", "venv", tools], check=True)
    there = tools / "lib" / "python3.13" / "site-packages"
    for name in ("shared", "tool"):
        with zipfile.ZipFile(wheel(project, name, TOOLS)) as opened:
            opened.extractall(there)
    (there / "linked.pth").write_text(f"{project}/linked\n")
    (project / "linked").mkdir()
    (project / "linked" / "elsewhere.py").write_text("")
    (there / "pytest.py").write_text(f"import sys\n{SAYS}\nprint(sys.argv[1:])\n")
    for name in ("sam", "pytest"):
        (tools / "bin" / name).write_text(f'#!/bin/sh\nexec "{tools}/bin/python" -c "{SAYS}"\n')
        (tools / "bin" / name).chmod(0o755)
    (project / "requirements.txt").write_text(f"./{wheel(project, 'shared', TASKS).name}\n")
    made = make_environment(project, "requirements.txt")
    assert made.returncode == 0, made.stderr
    return project


@pytest.mark.slow
def test_a_task_imports_the_version_that_ships(project: Path) -> None:
    assert said(project / ".venv/bin/python", "-c", SAYS) == TASKS


@pytest.mark.slow
def test_the_tests_run_on_the_version_that_ships(project: Path) -> None:
    assert said(project / ".venv/bin/pytest", "-k", "a b") == f"{TASKS}\n['-k', 'a b']"


@pytest.mark.slow
def test_a_tool_keeps_its_own_version(project: Path) -> None:
    assert said(project / ".venv/bin/sam") == TOOLS
    assert said(project / ".venv-tools/bin/python", "-c", SAYS) == TOOLS


@pytest.mark.slow
def test_the_tools_packages_can_be_imported_next_to_the_tasks(project: Path) -> None:
    found = said(project / ".venv/bin/python", "-c", "import tool, elsewhere; print(tool.VERSION)")

    assert found == TOOLS


@pytest.mark.slow
def test_a_further_package_is_installed_for_the_tasks_and_leaves_the_tools_as_they_are(project: Path) -> None:
    # Given one of which the tools have this version already
    (project / "more.txt").write_text(f"./{wheel(project, 'tool', TOOLS).name}\n")
    before = {file: file.stat().st_mtime_ns for file in (project / ".venv-tools").rglob("*.py")}

    made = make_environment(project, "requirements.txt", "more.txt")

    assert made.returncode == 0, made.stderr
    found = said(project / ".venv/bin/python", "-c", "import tool; print(tool.__file__)")
    assert found == f"{project}/.venv/lib/python3.13/site-packages/tool.py"
    assert {file: file.stat().st_mtime_ns for file in (project / ".venv-tools").rglob("*.py")} == before


@pytest.mark.slow
def test_pip_installs_for_the_tasks(project: Path) -> None:
    for name in ("pip", "pip3", "pip3.13"):
        assert f"{project}/.venv/lib/" in said(project / ".venv/bin" / name, "--version")


@pytest.mark.parametrize("makefile", ["Makefile", "starter/Makefile"])
def test_make_remakes_the_tools_for_a_change_of_theirs_only(makefile: str) -> None:
    needs = dict(re.findall(r"^(\S+/ready): (.*)$", (ROOT / makefile).read_text("utf-8"), re.MULTILINE))

    assert needs[".venv-tools/ready"].split() == ["requirements.txt", "constraints.txt", "tools/pip.txt"]
    assert needs[".venv/ready"].split() == [".venv-tools/ready", "src/requirements.txt"]


def test_these_tests_run_on_what_ships() -> None:
    pinned = re.findall(
        r"^([\w.-]+)==([\w.]+)", (ROOT / "src" / "requirements.txt").read_text(), re.MULTILINE
    )

    assert {name: version(name) for name, _ in pinned} == dict(pinned)
    assert pinned
