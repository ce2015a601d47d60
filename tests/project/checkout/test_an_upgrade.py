"""A project of a user's own takes the next version of Zigzag: what is kept, what comes, what is refused.

Version B is Zigzag's tree with one file changed, one added, one gone, and a new parameter.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.project.template.reading import TEMPLATE, parsed
from tests.project.template.yours import ADDED, with_a_task
from tests.projects import append, commit, copy_zigzag, its_tests, run, texts

from zigzag_project import parts
from zigzag_project.new import new
from zigzag_project.stamp import NAME, ProjectError, Stamp
from zigzag_project.upgrade import upgrade

A, B = parts.version(), "99.0.0"
CHANGED, GONE, COME = "src/worker/batch.py", "tools/zigzag_local/sam_local.py", "src/shared/news/today.py"
PARAMETER = "  News:\n    Type: String\n    Default: none\n    Description: Came with version B.\n"

TASK = '''\
"""A task of the user's."""

import os

from zigzag import task


@task
def count(payload: dict[str, int]) -> None:
    """Counts."""
    os.environ["ZZ_PROBE_TABLE"]
'''
TEST = '''\
"""The tests of the task count."""

import pytest

from tasks.count import count
from zigzag_testing import Sandbox


def test_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZZ_PROBE_TABLE", "counts")
    with Sandbox() as sandbox:
        count.send({"one": 1})
        sandbox.run()

    assert [report.outcome for report in sandbox.reports] == ["succeeded"]
'''
YOURS = {
    "src/tasks/count.py": TASK,
    "src/tasks/__init__.py": 'TASKS = {"count": "tasks.count"}\n',
    "tests/tasks/test_count.py": TEST,
    "README.md": "# Ours\n",
}


@pytest.fixture(scope="module")
def version_b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("zigzag") / "b"
    copy_zigzag(root)
    append(root / CHANGED, "# of version B\n")
    append(root / "zigzag", "# of version B\n")
    (root / GONE).unlink()
    (root / COME).parent.mkdir()
    (root / COME).write_text('"""Came with version B."""\n', encoding="utf-8")
    for file, old, text in (
        (
            root / "template.yaml",
            "  # ==== YOURS: parameters ====\n",
            f"{PARAMETER}\n  # ==== YOURS: parameters ====\n",
        ),
        (root / "pyproject.toml", f'version = "{A}"', f'version = "{B}"'),
    ):
        file.write_text(file.read_text(encoding="utf-8").replace(old, text), encoding="utf-8")
    commit(root)
    return root


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a project on version A whose user has tasks, tests, and something in every place."""
    project = tmp_path_factory.mktemp("a") / "project"
    new(project)
    (project / "src/tasks/hello.py").unlink()
    (project / "tests/tasks/test_hello.py").unlink()
    for path, text in YOURS.items():
        (project / path).write_text(text, encoding="utf-8")
    template = project / "template.yaml"
    template.write_text(with_a_task(template.read_text(encoding="utf-8")), encoding="utf-8")
    append(project / "src/requirements.txt", "orjson==3.11.4\n")
    append(project / "requirements.txt", "./libs/shop\n")
    append(project / "Makefile", "seed:\n\t@echo seeds\n")
    append(project / "samconfig.toml", "# ours\n")
    commit(project)
    return project


@pytest.fixture
def project(untouched: Path, tmp_path: Path) -> Path:
    """Returns a copy of it, free to be changed."""
    shutil.copytree(untouched, tmp_path / "project")
    return tmp_path / "project"


# ---- What an upgrade does ----


@pytest.fixture(scope="module")
def upgraded(untouched: Path, version_b: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    project = tmp_path_factory.mktemp("b") / "project"
    shutil.copytree(untouched, project)
    return project, upgrade(project, version_b)


def test_the_users_files_are_kept(upgraded: tuple[Path, str], untouched: Path) -> None:
    project, _ = upgraded
    before, after = texts(untouched), texts(project)

    kept = [*YOURS, "samconfig.toml", "pyproject.toml", ".github/workflows/test.yml", ".gitignore"]
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert "src/tasks/hello.py" not in after
    assert after["src/requirements.txt"] == before["src/requirements.txt"]
    assert after["Makefile"] == before["Makefile"]
    assert after["requirements.txt"].endswith("./libs/shop\n")
    # Without that, a change of no requirement would make new environments
    assert len({(root / "requirements.txt").stat().st_mtime_ns for root in (untouched, project)}) == 1


def test_the_template_has_the_users_places_and_the_new_parameter(upgraded: tuple[Path, str]) -> None:
    text = (upgraded[0] / "template.yaml").read_text(encoding="utf-8")
    template = parsed(text)

    assert template["Parameters"]["News"]["Description"] == "Came with version B."
    assert {"ZzProbeParameter"} <= set(template["Parameters"])
    assert {"ZzProbeTable"} <= set(template["Resources"])
    for addition in ADDED.values():
        assert addition.splitlines()[-1].strip() in text


def test_zigzags_files_are_version_bs(upgraded: tuple[Path, str]) -> None:
    project, _ = upgraded
    after = texts(project)

    assert after[CHANGED].endswith("# of version B\n")
    assert after[COME] == '"""Came with version B."""\n'
    assert GONE not in after
    assert Stamp.read(project).version == B
    assert Stamp.read(project).changed(project) == []
    assert os.access(project / "zigzag", os.X_OK)


@pytest.mark.slow
def test_its_tests_and_its_template_are_good_afterwards(upgraded: tuple[Path, str]) -> None:
    done = its_tests(upgraded[0])

    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


def test_the_next_steps_are_said_in_80_columns(upgraded: tuple[Path, str]) -> None:
    said = upgraded[1]

    assert f"Zigzag {A} is now Zigzag {B}" in said
    assert [line for line in said.splitlines() if len(line) > 80] == []
    for step in ("git status --short", "make test", "git checkout . && git clean -d --force"):
        assert step in said


def test_the_same_version_changes_nothing(project: Path) -> None:
    before = texts(project)

    assert upgrade(project) == f"This project is on Zigzag {A} already: nothing is changed.\n"
    assert texts(project) == before


def test_a_new_place_comes_empty_of_our_examples(project: Path, version_b: Path, tmp_path: Path) -> None:
    root = tmp_path / "c"
    shutil.copytree(version_b, root)
    append(
        root / "template.yaml",
        "Metadata:\n  # ==== YOURS: metadata ====\n  # What you like.\n  Example: ours\n",
    )

    upgrade(project, root)

    assert (
        (project / "template.yaml").read_text("utf-8").endswith("YOURS: metadata ====\n  # What you like.\n")
    )


# ---- What it refuses, and then nothing is changed ----


@pytest.fixture
def refused(project: Path, version_b: Path) -> Iterator[Any]:
    """Tries the upgrade, and returns its words. Checks that all is as before."""

    def attempt() -> str:
        before = texts(project)
        with pytest.raises(ProjectError) as refusal:
            upgrade(project, version_b)
        assert texts(project) == before
        return str(refusal.value)

    return attempt


@pytest.mark.parametrize("path", ["src/tasks/count.py", "src/tasks/new.py"])
def test_a_file_that_is_not_committed_is_named(project: Path, refused: Any, path: str) -> None:
    (project / path).write_text("# more\n", encoding="utf-8")

    said = refused()

    assert f"Not committed:\n  {path}\nCommit it" in said


def test_files_of_zigzags_that_the_user_changed_or_deleted_are_named(project: Path, refused: Any) -> None:
    for path in ("Makefile", "template.yaml", GONE):
        text = (project / path).read_text(encoding="utf-8")
        (project / path).write_text(f"# mine\n{text}", encoding="utf-8")
    (project / CHANGED).unlink()
    commit(project)

    said = refused()

    listed = "".join(f"  {path}\n" for path in sorted(("Makefile", "template.yaml", GONE, CHANGED)))
    assert f"since Zigzag {A} wrote it:\n{listed}Undo the change" in said


def test_a_file_of_the_users_that_is_in_the_way_is_named(project: Path, refused: Any) -> None:
    (project / COME).parent.mkdir()
    (project / COME).write_text("mine\n", encoding="utf-8")
    commit(project)

    assert f"Yours, where Zigzag now has a file of that name:\n  {COME}\n" in refused()


def test_a_place_that_is_gone_with_something_of_the_users_in_it_is_named(
    project: Path, version_b: Path, tmp_path: Path
) -> None:
    root = tmp_path / "c"
    shutil.copytree(version_b, root)
    text = TEMPLATE.read_text(encoding="utf-8")
    (root / "template.yaml").write_text(
        text.replace("# ==== YOURS: outputs ====", "# gone"), encoding="utf-8"
    )

    with pytest.raises(
        ProjectError, match=r"a place that Zigzag's template\.yaml has no more:\n  # ==== YOURS: outputs"
    ):
        upgrade(project, root)
    assert run(project, "git", "status", "--porcelain").stdout == ""


def test_a_folder_that_is_a_link_to_outside_is_named(project: Path, refused: Any) -> None:
    outside = project.parent / "shared"
    shutil.move(project / "src/shared", outside)
    (project / "src/shared").symlink_to(outside)
    commit(project)

    said = refused()

    assert "Outside of it:" in said
    assert "src/shared/delivery.py" in said


def test_a_stamp_that_names_a_file_outside_is_refused(project: Path, refused: Any) -> None:
    (project.parent / "victim.txt").write_text("mine")
    append(project / NAME, "0" * 64 + "  ../victim.txt\n")
    commit(project)

    assert "../victim.txt" in refused()
    assert (project.parent / "victim.txt").read_text() == "mine"


def test_a_file_that_git_ignores_and_could_not_restore_is_named(project: Path, refused: Any) -> None:
    append(project / ".gitignore", "template.yaml\n")
    os.rename(project / "template.yaml", project.parent / "kept")
    commit(project)
    os.rename(project.parent / "kept", project / "template.yaml")

    assert "Ignored by git, which could not restore it:\n  template.yaml" in refused()


def test_a_project_that_git_does_not_know_is_refused(project: Path, refused: Any) -> None:
    shutil.rmtree(project / ".git")

    assert "git does not know this project" in refused()


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path, version_b: Path) -> None:
    with pytest.raises(ProjectError, match="no project that `make new-project` made"):
        upgrade(tmp_path, version_b)


# ---- One that is ended in the middle ----


class Killed(BaseException):
    """The machine goes off."""


@pytest.mark.slow
@pytest.mark.parametrize("files_written", [0, 1, 4])
def test_one_that_is_ended_in_the_middle_is_noticed_and_git_brings_back_what_was(
    project: Path, version_b: Path, files_written: int
) -> None:
    before, left = texts(project), iter(range(files_written))

    def replace(new: str, old: Path) -> None:
        if next(left, None) is None:
            raise Killed
        os.replace(new, old)

    # Given an upgrade that ends after so many files
    with pytest.raises(Killed):
        upgrade(project, version_b, replace)

    # Then the next one is not begun; and a mix of two versions is told by the stamp, committed or not
    with pytest.raises(ProjectError, match="Not committed"):
        upgrade(project, version_b)
    assert bool(Stamp.read(project).changed(project)) == (files_written > 0)

    # And git has what was there; from there it succeeds
    run(project, "git", "checkout", "--quiet", ".")
    run(project, "git", "clean", "--quiet", "-d", "--force")
    assert texts(project) == before
    upgrade(project, version_b)
    assert Stamp.read(project).version == B


def test_one_that_cannot_go_on_says_how_to_go_back(project: Path, version_b: Path) -> None:
    def replace(new: str, old: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ProjectError, match="ended in the middle: No space left on device") as failure:
        upgrade(project, version_b, replace)
    assert "git checkout . && git clean -d --force" in str(failure.value)


# ---- The command ----


def make(project: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    return run(project, "make", "--no-print-directory", "upgrade", f"PYTHON={sys.executable}", *variables)


@pytest.mark.slow
@pytest.mark.parametrize("given", ["FROM={folder}", "FROM={address}", "FROM={folder} REF=v1.1.0"])
def test_make_takes_a_folder_or_a_git_address_and_a_tag(
    project: Path, version_b: Path, tmp_path: Path, given: str
) -> None:
    remote = tmp_path / "remote"
    shutil.copytree(version_b, remote)
    subprocess.run(["git", "tag", "v1.1.0"], cwd=remote, check=True)

    done = make(project, *given.format(address=remote.as_uri(), folder=remote).split())

    assert (done.returncode, done.stderr) == (0, "")
    assert f"Zigzag {A} is now Zigzag {B}" in done.stdout
    assert Stamp.read(project).version == B


def test_make_says_what_it_refuses_without_a_traceback(project: Path, version_b: Path) -> None:
    append(project / "README.md", "more\n")

    done = make(project, f"FROM={version_b}")

    assert done.returncode != 0
    assert "zigzag: the upgrade is not begun.\nNot committed:\n  README.md\n" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ([], "make upgrade FROM=../zigzag"),
        (["FROM=file:///nowhere"], "git could not fetch file:///nowhere"),
        (["FROM=."], "has no Zigzag with an upgrade"),
    ],
    ids=["nothing named", "nothing there", "no Zigzag"],
)
def test_make_says_what_is_wrong_with_the_source(project: Path, variables: list[str], words: str) -> None:
    done = make(project, *variables)

    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert run(project, "git", "status", "--porcelain").stdout == ""
