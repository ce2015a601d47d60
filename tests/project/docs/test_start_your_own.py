"""docs/start-your-own.md, done block by block by a reader, with Zigzag's folder next to the project's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.project.docs.pages import blocks, in_text, read
from tests.projects import append, commit, copy_zigzag, files, its_tests

from zigzag_project import parts
from zigzag_project.places import split
from zigzag_project.stamp import NAME, Stamp

PAGE = read("docs/start-your-own.md")
ELSEWHERE = re.compile(r"^(make (test|run|down)|sam .*)$", re.MULTILINE)
"""Commands that make environments, or call AWS: tests/e2e/test_a_project_of_ones_own_runs.py runs them."""

ANN = {
    f"GIT_{who}_{what}": "ann@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


@dataclass(frozen=True)
class Read:
    """The project after the page, and what each block said."""

    project: Path
    said: list[subprocess.CompletedProcess[str]]
    versions: list[str]
    """The project's, after each block."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Read:
    zigzag = tmp_path_factory.mktemp("page") / "zigzag"
    project = zigzag.parent / "my-queue"
    copy_zigzag(zigzag)
    commit(zigzag)
    at, said, versions = zigzag, [], []
    for block in blocks(PAGE, "sh"):
        if "make upgrade" in block.text:  # by then there is a next version
            pyproject = zigzag / "pyproject.toml"
            pyproject.write_text(pyproject.read_text("utf-8").replace(parts.version(), "99.0.0"), "utf-8")
            append(zigzag / "src/worker/batch.py", "# of the next version\n")
        said.append(shell(ELSEWHERE.sub(":", block.text), at))
        at = project if project.exists() and "cd ../my-queue" in block.text else at
        versions.append(Stamp.read(project).version)
    return Read(project, said, versions)


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={**kept, **ANN, "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_block_does_what_it_says(done: Read) -> None:
    assert [(one.args, one.stderr) for one in done.said if one.returncode != 0] == []
    assert done.versions[0] == parts.version()
    assert done.versions[-1] == "99.0.0"


@pytest.mark.slow
def test_the_projects_tests_pass_after_the_page(done: Read) -> None:
    tested = its_tests(done.project)

    assert tested.returncode == 0, tested.stdout


def test_nothing_is_left_that_git_does_not_have(done: Read) -> None:
    status = ["git", "status", "--porcelain"]

    assert subprocess.run(status, cwd=done.project, capture_output=True, check=True).stdout == b""


def test_the_table_has_every_file_that_is_the_users_and_no_other(done: Read) -> None:
    cells = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    named = [code for cell in cells for code in in_text(cell) if "YOURS" not in code]
    zigzags = Stamp.read(done.project).files

    whole = {name for name in named if name not in zigzags}
    missing = [
        path for path in files(done.project) - zigzags.keys() - {NAME} if not path.startswith(tuple(whole))
    ]
    with_places = {path for path in zigzags if split((done.project / path).read_text("utf-8"))[1]}
    assert missing == []
    assert set(named) - whole == with_places
