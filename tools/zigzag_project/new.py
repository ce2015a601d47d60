"""Makes a user's own project: `make new-project DIR=…`. It makes all of it or nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from zigzag_project import parts
from zigzag_project.stamp import NAME, ProjectError, Stamp


def new(folder: Path) -> str:
    """Makes the project in `folder` and returns what to do next. Raises ProjectError if it is not empty."""
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProjectError(f"{folder} is not empty: name an empty folder, or one that does not exist yet.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            made = Path(scratch) / "project"
            _write(made, _name(folder.name))
            made.rename(folder)
    except OSError as error:
        raise ProjectError(f"{folder} can't be made: {error.strerror}.") from error
    return _SAID.format(version=parts.version(), folder=folder)


def _write(project: Path, name: str) -> None:
    texts = {}
    for path, file in parts.zigzags().items():
        texts[path] = parts.text_of(file)
        _write_one(project / path, texts[path])
        shutil.copymode(file, project / path)
    for path, text in parts.yours(name).items():
        _write_one(project / path, text)
    _write_one(project / NAME, str(Stamp.of(parts.version(), texts)))


def _write_one(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _name(folder: str) -> str:
    """Returns a stack's name for the folder: letters, digits and hyphens, a letter first.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", folder).strip("-").lstrip("-0123456789")[:100] or "my-queue"


_SAID = """\
A project on Zigzag {version} is in
  {folder}

Next, there:
  git init --initial-branch main && git add --all
  git commit --message "Start on Zigzag {version}"
  make test   # its tests; the first time it sets up Python's packages
  make run    # the whole queue on this machine (Linux)

README.md says how to add a task, deploy, send and upgrade.
src/tasks, tests/tasks and the places marked YOURS are for you to change.
"""
