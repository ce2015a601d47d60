"""An upgrade writes and removes nothing outside of its project, and nothing that git could not restore."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.projects import append, commit

from zigzag_project.new import new
from zigzag_project.stamp import NAME, ProjectError
from zigzag_project.upgrade import upgrade


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("made") / "project"
    new(project)
    commit(project)
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "project")
    return tmp_path / "project"


def why(project: Path) -> str:
    with pytest.raises(ProjectError) as refused:
        upgrade(project)
    return str(refused.value)


def test_a_folder_that_is_a_link_to_outside_is_refused(project: Path) -> None:
    outside = project.parent / "shared"
    shutil.move(project / "src/shared", outside)
    (project / "src/shared").symlink_to(outside)
    commit(project)

    said = why(project)

    assert "Outside of it:" in said
    assert "src/shared/delivery.py" in said


def test_a_stamp_that_names_a_file_outside_is_refused(project: Path) -> None:
    (project.parent / "victim.txt").write_text("mine")
    append(project / NAME, "0" * 64 + "  ../victim.txt\n")
    commit(project)

    assert "../victim.txt" in why(project)
    assert (project.parent / "victim.txt").read_text() == "mine"


def test_a_file_that_git_ignores_is_refused(project: Path) -> None:
    append(project / ".gitignore", "template.yaml\n")
    os.rename(project / "template.yaml", project.parent / "kept")
    commit(project)
    os.rename(project.parent / "kept", project / "template.yaml")

    said = why(project)

    assert "Ignored by git, which could not restore it:\n  template.yaml" in said
