"""A project's stamp tells which of the project's files were changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from zigzag_project.stamp import NAME, ProjectError, Stamp

TEXTS = {"src/worker/app.py": "code\n", "template.yaml": "ours\n# ==== YOURS: parameters ====\n"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path, text in TEXTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / NAME).write_text(str(Stamp.of("1.0.0rc1", TEXTS)))
    return tmp_path


def test_a_stamp_that_was_written_is_read_again(project: Path) -> None:
    assert Stamp.read(project) == Stamp.of("1.0.0rc1", TEXTS)
    assert (project / NAME).read_text().splitlines()[0].startswith("# Zigzag 1.0.0rc1: ")


def test_files_that_nobody_touched_are_not_changed(project: Path) -> None:
    assert Stamp.read(project).changed(project) == []


def test_a_place_is_the_users(project: Path) -> None:
    (project / "template.yaml").write_text(TEXTS["template.yaml"] + "  Name:\n    Type: String\n")

    assert Stamp.read(project).changed(project) == []


def test_an_editor_on_windows_changes_nothing(project: Path) -> None:
    (project / "src/worker/app.py").write_bytes(b"code\r\n")

    assert Stamp.read(project).changed(project) == []


@pytest.mark.parametrize("text", ["other code\n", "", None, b"\xff"])
def test_a_file_that_was_changed_or_deleted_is_named(project: Path, text: str | bytes | None) -> None:
    file = project / "src/worker/app.py"
    match text:
        case None:
            file.unlink()
        case bytes():
            file.write_bytes(text)
        case str():
            file.write_text(text)

    assert Stamp.read(project).changed(project) == ["src/worker/app.py"]


def test_a_marker_that_is_gone_is_a_change(project: Path) -> None:
    (project / "template.yaml").write_text("ours\n")

    assert Stamp.read(project).changed(project) == ["template.yaml"]


def test_no_stamp_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no project that `make new-project` made"):
        Stamp.read(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "1.0.0\n", f"{Stamp.of('1.0.0', TEXTS)}x\n", f"{Stamp.of('1.0.0', {})}"]
)
def test_a_stamp_that_was_changed_is_none(project: Path, text: str) -> None:
    (project / NAME).write_text(text)

    with pytest.raises(ProjectError, match="restore it with git"):
        Stamp.read(project)
