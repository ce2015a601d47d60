"""Forms of each version are read by today's code, which still writes what that version read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.project.corpus import versions
from tests.project.corpus.versions import ARCHIVE, MAX_ARCHIVE_BYTES, CorpusError

from zigzag_project.parts import version

FOLDERS = versions.versions()
ALL = pytest.mark.parametrize("folder", [pytest.param(one, id=one.name) for one in FOLDERS])

BROKEN = (
    "A format has changed, and messages, records and tools of that version are still in use. Keep reading "
    "the old form, and keep writing what it had. If it must go, that is a new first number of the version: "
    "docs/versions.md"
)


UNRELEASED = "Type make corpus, and read in git diff what becomes of the formats"


@ALL
def test_what_a_version_wrote_means_the_same_today(folder: Path) -> None:
    found = list(versions.offences(folder))

    assert found == [], BROKEN if versions.is_released(folder.name) else UNRELEASED


def test_this_version_has_its_corpus() -> None:
    folder = versions.CORPUS / version()

    assert folder in FOLDERS, f"{version()} has no corpus: type make corpus"
    assert versions.stale(folder) == [], (
        f"{version()} is released: raise the version in pyproject.toml, begin its part of CHANGELOG.md, then "
        "type make corpus"
        if versions.is_released(version())
        else UNRELEASED
    )


@ALL
def test_a_corpus_file_is_as_it_was_written(folder: Path) -> None:
    assert versions.changed(folder) == [], "A corpus file changed by hand: git checkout brings it back"


@ALL
def test_the_code_of_a_version_is_small(folder: Path) -> None:
    assert (folder / ARCHIVE).stat().st_size < MAX_ARCHIVE_BYTES


class TestTheFolder:
    """A folder that was written, and then touched."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / version()
        shutil.copytree(FOLDERS[-1], folder)
        return folder

    def test_names_a_file_that_changed(self, folder: Path) -> None:
        file = folder / "messages.jsonl"
        file.write_text(file.read_text(encoding="utf-8").replace("cook", "look"), encoding="utf-8")
        (folder / "gates.jsonl").unlink()

        assert versions.changed(folder) == ["gates.jsonl", "messages.jsonl"]

    def test_is_not_written_again_once_its_version_is_released(self, folder: Path) -> None:
        with pytest.raises(CorpusError, match="raise the version"):
            versions.write(folder.parent, f"## {version()}, 2027-01-01\n")

    def test_is_written_again_before(self, folder: Path) -> None:
        (folder / "messages.jsonl").write_text("", encoding="utf-8")

        assert versions.write(folder.parent, f"## {version()}, unreleased\n", source=folder) == folder
        assert versions.changed(folder) == versions.stale(folder) == []


def test_a_default_may_change_with_the_middle_number() -> None:
    assert "defaults" in versions.kinds_for("1.0.0rc1", "1.0.2")
    assert "defaults" not in versions.kinds_for("1.0.0", "1.1.0")
    assert "records" in versions.kinds_for("1.0.0", "2.0.0")
