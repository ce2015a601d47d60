"""A zip depends on the files' names and content alone."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from zigzag_package import zips

FILES = {"worker/app.py": "one", "worker/__pycache__/app.pyc": "two", "shared.py": "three"}


def folder(at: Path, files: dict[str, str], mode: int, time: int) -> Path:
    made = at / "WorkerFunction"
    for name, text in files.items():
        file = made / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        os.utime(file, (time, time))
    return made


def test_another_folder_order_time_and_mode_give_the_same_zip(tmp_path: Path) -> None:
    a, b = (tmp_path / name for name in "ab")

    one = zips.write(folder(a, FILES, 0o644, 1_000_000_000), a)
    other = zips.write(folder(b, dict(reversed(FILES.items())), 0o600, 1_700_000_000), b)

    assert one.name == other.name == f"WorkerFunction-{zips.digest(one)[:16]}.zip"
    assert one.read_bytes() == other.read_bytes()
    assert zipfile.ZipFile(one).namelist() == sorted(FILES)  # whatever order the file system has


def test_a_change_gives_another_name(tmp_path: Path) -> None:
    a, b = (tmp_path / name for name in "ab")

    one = zips.write(folder(a, FILES, 0o644, 1_000_000_000), a)
    other = zips.write(folder(b, FILES | {"shared.py": "four"}, 0o644, 1_000_000_000), b)

    assert one.name != other.name


def test_every_user_may_read_a_file_on_lambda(tmp_path: Path) -> None:
    (modes,) = (
        {entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        for archive in [zipfile.ZipFile(zips.write(folder(tmp_path, FILES, 0o600, 1_000_000_000), tmp_path))]
    )

    assert modes == {0o755}
