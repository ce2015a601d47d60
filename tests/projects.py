"""A project of a user's own in a test: its commands run in this environment, in place of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from zigzag_project import parts


def run(project: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in the project. Nothing of this run is in its environment, and it compiles nothing."""
    ours = ("AWS_", "PYTEST_", "MAKE", "MFLAGS")
    environment: Mapping[str, str] = {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # a second of each start
        "PYTHONPATH": "src:tools",
    }
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def its_tests(project: Path, *which: str) -> subprocess.CompletedProcess[str]:
    """Runs the project's own tests."""
    options = ["-q", "-p", "no:cacheprovider", "--basetemp", project.with_name("temp")]
    return run(project, sys.executable, "-m", "pytest", *options, *which)


def files(project: Path) -> set[str]:
    """Returns the paths of its files, but for git's own."""
    paths = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    return {path for path in paths if not path.startswith(".git/")}


def texts(project: Path) -> dict[str, str]:
    return {path: (project / path).read_text("utf-8") for path in files(project)}


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def commit(project: Path) -> None:
    """Gives all of it to git."""
    ann = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        [*ann, "commit", "--quiet", "--message", "As it is now"],
    ):
        subprocess.run(["git", *command], cwd=project, check=True)


def copy_zigzag(root: Path) -> None:
    """Copies Zigzag's tree to `root`, as far as projects are made of it."""
    sources = [*parts.zigzags().values(), *(parts.ROOT / at for at in parts.YOURS.values())]
    sources += [*(parts.ROOT / "tools/zigzag_project").glob("*.py"), parts.ROOT / "pyproject.toml"]
    for file in [*sources, parts.ROOT / "Makefile"]:
        target = root / file.relative_to(parts.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
