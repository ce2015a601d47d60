"""Writes the hashes of each pin's wheels into a requirements file: `make hashes`, after a version has
changed.

    hashes.py FILE…

pip fetches the wheels for every kind of machine that installs them. Lines below `# ==== YOURS` are the
user's, and stay unchanged.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

GLIBC = 34  # Lambda's, in Amazon Linux 2023
LINUX = [*(f"manylinux_2_{minor}" for minor in range(GLIBC, 16, -1)), "manylinux2014", "manylinux1"]
MACOS = [f"macosx_{version}_0" for version in range(15, 10, -1)] + ["macosx_10_12", "macosx_10_13"]
MACHINES = [
    [f"{linux}_x86_64" for linux in LINUX],
    [f"{linux}_aarch64" for linux in LINUX],
    [f"{macos}_{machine}" for macos in MACOS for machine in ("arm64", "universal2")],
    [f"{macos}_{machine}" for macos in MACOS for machine in ("x86_64", "universal2")],
]
"""The tags that each kind of machine accepts, of
https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/"""

YOURS = "# ==== YOURS"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)
_HASHES = re.compile(r"( \\\n +--hash=sha256:[0-9a-f]{64})+")


def main(files: Iterable[str]) -> None:
    for name in files:
        file = Path(name)
        ours, marker, yours = file.read_text(encoding="utf-8").partition(YOURS)
        bare = _HASHES.sub("", ours)
        for pin, hashes in _hashes([found[0] for found in _PIN.finditer(bare)]).items():
            bare = bare.replace(f"{pin}\n", f"{pin}{hashes}\n")
        file.write_text(bare + marker + yours, encoding="utf-8")


def _hashes(pins: list[str]) -> dict[str, str]:
    """Returns for each pin the lines that follow it, one for each of its wheels."""
    found: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for platforms in MACHINES:
            _fetch(pins, platforms, folder)
        for wheel in Path(folder).iterdir():
            hashed = hashlib.sha256(wheel.read_bytes()).hexdigest()
            found.setdefault(_name(wheel.name.partition("-")[0]), set()).add(
                f" \\\n    --hash=sha256:{hashed}"
            )
    return {pin: "".join(sorted(found[_name(pin.partition("==")[0])])) for pin in pins}


def _fetch(pins: list[str], platforms: list[str], folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.13"]
    subprocess.run([*command, *(f"--platform={one}" for one in platforms), *pins], check=True)


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(sys.argv[1:])
