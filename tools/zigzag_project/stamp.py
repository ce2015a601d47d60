"""The stamp of a project: which files are Zigzag's, of which version, and which of them were changed.

The stamp is the file `.zigzag-version`: a line with the version, then a line with hash and path for each
file. The hash ignores the content of the user's places, and the kind of line ends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from zigzag_project.places import split

NAME = ".zigzag-version"
_FIRST = "# Zigzag {}: the files below are its own, and come with an upgrade; the rest is yours."


class ProjectError(Exception):
    """Says in a sentence what is wrong with a new project or an upgrade, and what to do."""


@dataclass(frozen=True)
class Stamp:
    """A version, and the hashes of Zigzag's files by their paths in the project."""

    version: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, version: str, texts: Mapping[str, str]) -> Self:
        """Returns the stamp of files with these texts."""
        return cls(version, {path: _hashed(text) for path, text in texts.items()})

    @classmethod
    def read(cls, project: Path) -> Self:
        """Returns the project's stamp. Raises ProjectError if it is missing or can't be read."""
        try:
            first, *lines = (project / NAME).read_text(encoding="utf-8").splitlines() or [""]
        except (OSError, UnicodeDecodeError) as error:
            raise ProjectError(
                f"{project} has no {NAME}: it is no project that `make new-project` made."
            ) from error
        version = re.fullmatch(re.escape(_FIRST).replace(r"\{\}", r"(\S+)"), first)
        files = [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in lines]
        if version is None or not files or None in files:
            raise ProjectError(f"{NAME} was changed after Zigzag wrote it: restore it with git.")
        return cls(version[1], {found[2]: found[1] for found in files if found})

    def __str__(self) -> str:
        lines = [f"{hashed}  {path}" for path, hashed in sorted(self.files.items())]
        return "\n".join([_FIRST.format(self.version), *lines]) + "\n"

    def changed(self, project: Path) -> list[str]:
        """Returns Zigzag's files that are missing, or changed outside the user's places."""
        return [
            path for path, hashed in sorted(self.files.items()) if _hashed_there(project / path) != hashed
        ]


def _hashed_there(file: Path) -> str | None:
    try:
        return _hashed(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _hashed(text: str) -> str:
    return hashlib.sha256(split(text)[0].encode()).hexdigest()
