"""The local AWS that a project remembers: a file that anything may have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from zigzag_local import processes, state
from zigzag_local.errors import LocalAwsError

NOBODY = 2**22 + 1
"""A number that no process has (proc(5): at most 2^22)."""


def remembered(project: Path, directory: str) -> Path:
    """Returns the project's file, which names that directory of a local AWS that has ended."""
    file = project / state.FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    said = {
        "endpoint": "http://127.0.0.1:1",
        "directory": directory,
        "pid": NOBODY,
        "secret": "s",
        "tls": False,
        "auth": False,
    }
    file.write_text(json.dumps(said))
    return file


def a_copy(directory: Path, elsewhere: Path) -> Path:
    elsewhere.mkdir()
    (elsewhere / processes.CLAIM).write_text((directory / processes.CLAIM).read_text())
    return elsewhere


def a_link(directory: Path, elsewhere: Path) -> Path:
    elsewhere.symlink_to(directory)
    return elsewhere


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Returns a directory as an emulator makes it."""
    directory = tmp_path / "zigzag-local-1"
    directory.mkdir()
    processes.claim(directory)
    return directory


def test_the_directory_of_an_ended_one_is_removed_and_forgotten(tmp_path: Path, ours: Path) -> None:
    file = remembered(tmp_path / "project", str(ours))

    assert state.load(tmp_path / "project") is None
    assert not ours.exists()
    assert not file.exists()


@pytest.mark.parametrize("directory", ["", ".", "..", "kept"])
def test_a_directory_that_is_none_of_ours_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    # Given a file that names the project, its parent, or another folder
    project = tmp_path / "home" / "project"
    kept = project / "kept" / "work.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("a day's work")
    monkeypatch.chdir(project)
    remembered(project, directory)

    with pytest.raises(LocalAwsError, match="nothing in it was touched"):
        state.load(project)

    assert kept.read_text() == "a day's work"


@pytest.mark.parametrize("made", [a_copy, a_link])
def test_a_directory_that_only_looks_like_ours_is_not_touched(
    tmp_path: Path, ours: Path, made: Callable[[Path, Path], Path]
) -> None:
    found = made(ours, tmp_path / "elsewhere")
    remembered(tmp_path / "project", str(found))

    with pytest.raises(LocalAwsError, match="nothing in it was touched"):
        state.load(tmp_path / "project")

    assert (found / processes.CLAIM).exists()
