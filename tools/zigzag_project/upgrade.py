"""Upgrades a project to this file's version of Zigzag. The project's `make upgrade FROM=…` calls it.

All is read and checked before the first file is written, each file is replaced atomically, and the stamp is
written last. So an interrupted upgrade leaves changes that git shows, and files that differ from the stamp.
git still has the old project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from zigzag_project import parts
from zigzag_project.places import joined, split
from zigzag_project.stamp import NAME, ProjectError, Stamp

Replace = Callable[[str, Path], object]


def upgrade(project: Path, root: Path = parts.ROOT, replace: Replace = os.replace) -> str:
    """Takes Zigzag's files from the tree at `root`. Returns what was done, and what to do next.

    replace -- moves a written file to its place.

    Raises ProjectError before any change if git does not have all of the project, if one of Zigzag's files
    was changed, or if a user's file has the path of a new one. Raises it as well if a file can't be written.
    """
    old = Stamp.read(project)
    sources = parts.zigzags(root)
    every = sorted({NAME, *old.files, *sources})
    _none([path for path in every if _leads_outside(project, path)], "Outside of it:", "Take the link away")
    _none(_uncommitted(project), "Not committed:", "Commit it, or undo it with git")
    kept = _known_to_git(project)
    unknown = [path for path in every if path not in kept and (project / path).exists()]
    _none(unknown, "Ignored by git, which could not restore it:", "Commit it (`git add --force`)")
    _none(
        old.changed(project),
        f"Changed outside of the places marked YOURS, since Zigzag {old.version} wrote it:",
        "Undo the change (`git log -p -- <file>` has it)",
    )
    added = [path for path in sources if path not in old.files and (project / path).exists()]
    _none(added, "Yours, where Zigzag now has a file of that name:", "Rename it")
    texts = {path: _with_yours(parts.text_of(file), project / path) for path, file in sources.items()}
    new = Stamp.of(parts.version(root), texts)
    if new == old:
        return f"This project is on Zigzag {new.version} already: nothing is changed.\n"
    try:
        _carry_out(project, old, texts, sources, replace)
        _write(project / NAME, str(new), None, replace)
    except OSError as error:
        raise ProjectError(f"the upgrade ended in the middle: {error.strerror}.\n{_BACK}") from error
    return _SAID.format(old=old.version, new=new.version, back=_BACK)


def _uncommitted(project: Path) -> list[str]:
    """Returns the files that git could not restore. Raises ProjectError without git or a repository."""
    status = ["git", "-C", str(project), "status", "--porcelain", "--untracked-files=all", "--", "."]
    try:
        said = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise ProjectError("an upgrade needs git, which can restore the old files: install it.") from error
    except subprocess.CalledProcessError as error:
        raise ProjectError("git does not know this project: `git init`, and commit all of it.") from error
    return [line[3:] for line in said.splitlines()]


def _known_to_git(project: Path) -> set[str]:
    """Returns the files that git can restore."""
    listed = subprocess.run(["git", "-C", str(project), "ls-files", "-z"], capture_output=True, check=True)
    return {os.fsdecode(path) for path in listed.stdout.split(b"\0")}


def _leads_outside(project: Path, path: str) -> bool:
    """Returns whether a path of the stamp, or a link on its way, leads out of the project."""
    return not (project / path).resolve().is_relative_to(project.resolve())


def _none(found: list[str], what: str, todo: str) -> None:
    """Raises ProjectError if the list is not empty."""
    if found:
        listed = "".join(f"  {one}\n" for one in found)
        raise ProjectError(f"the upgrade is not begun.\n{what}\n{listed}{todo}, and try again.")


def _with_yours(text: str, file: Path) -> str:
    """Returns the new text of a file with the user's content of its places."""
    ours, places = split(text)
    if not file.exists():
        return text
    theirs = split(file.read_text(encoding="utf-8"))[1]
    lost = [marker for marker, place in theirs.items() if place.strip() and marker not in places]
    _none(lost, f"Yours, in a place that Zigzag's {file.name} has no more:", "Move it to another place")
    return joined(ours, places | theirs)


def _carry_out(
    project: Path, old: Stamp, texts: Mapping[str, str], sources: Mapping[str, Path], replace: Replace
) -> None:
    for path, text in texts.items():
        file = project / path
        # An unchanged file keeps its time: a newer requirements.txt makes a new environment.
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            _write(file, text, sources[path], replace)
    for path in old.files.keys() - texts.keys():
        (project / path).unlink()
        for folder in (project / path).relative_to(project).parents:
            if folder.name and not any((project / folder).iterdir()):
                (project / folder).rmdir()


def _write(file: Path, text: str, mode_of: Path | None, replace: Replace) -> None:
    """Writes the text atomically: the file is always the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=".zigzag-", delete=False
    ) as written:
        written.write(text)
    shutil.copymode(mode_of or file, written.name)
    replace(written.name, file)


_BACK = "To go back: git checkout . && git clean -d --force"
_SAID = """\
Zigzag {old} is now Zigzag {new} here. Your own files are unchanged.

Next:
  git status --short   # what changed
  make test
  sam build && sam deploy
  git add --all && git commit --message "Zigzag {new}"

{back}
"""
