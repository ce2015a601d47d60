"""Writes a folder as a zip that is the same for the same files: whenever, wherever and in what order."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import IO

_AT = (1980, 1, 1, 0, 0, 0)
"""The time of every file: the earliest that a zip knows."""

_MODE = 0o100755 << 16
"""Lambda's runtime is another user than the files' owner, and must read them. SAM's zips have this mode."""


def write(folder: Path, into: Path) -> Path:
    """Writes the folder's files, and returns the zip. Its name has the begin of its SHA-256.

    A zip of the same name has the same content, so that a changed function has another key in S3.
    """
    new = into / f"{folder.name}.zip"
    pack(folder, new)
    return new.replace(into / f"{folder.name}-{digest(new)[:16]}.zip")


def pack(folder: Path, into: Path | IO[bytes]) -> None:
    """Writes the folder's files into a zip."""
    files = sorted(
        (file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file()
    )
    with zipfile.ZipFile(into, "w") as archive:
        for name, file in files:
            entry = zipfile.ZipInfo(name, _AT)
            entry.create_system, entry.external_attr = 3, _MODE  # of Unix, also on another system
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def digest(file: Path) -> str:
    """Returns the file's SHA-256 in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
