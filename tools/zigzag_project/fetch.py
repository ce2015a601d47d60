"""Fetches a version of Zigzag, and lets it upgrade this project: `make upgrade FROM=… [REF=…]`.

Only that version knows its files, so its own code does the upgrade.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
USAGE = (
    "zigzag: name the new Zigzag, its folder or git address: make upgrade FROM=../zigzag, or with REF=<tag>"
)


def main(source: str = "", ref: str = "") -> str | int:
    """Returns the exit code of the upgrade, or the error in a sentence."""
    if not source:
        return USAGE
    folder = Path(source).expanduser()
    if folder.is_dir() and not ref:
        return _upgrade(folder.resolve())
    with tempfile.TemporaryDirectory(prefix="zigzag-") as scratch:
        clone = Path(scratch) / "zigzag"
        named = ["--branch", ref] if ref else []
        git = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--depth", "1", *named]
        address = folder.resolve().as_uri() if folder.is_dir() else source
        try:
            status = subprocess.run([*git, "--", address, str(clone)], check=False).returncode
        except FileNotFoundError:
            return "zigzag: an upgrade needs git: install it."
        if status != 0:
            return f"zigzag: the upgrade is not begun. git could not fetch {source} (above)."
        return _upgrade(clone)


def _upgrade(root: Path) -> str | int:
    if not (root / "tools" / "zigzag_project" / "upgrade.py").is_file():
        return f"zigzag: the upgrade is not begun. {root} has no Zigzag with an upgrade."
    command = [sys.executable, "-B", "-m", "zigzag_project", "upgrade", str(PROJECT)]
    tools = {**os.environ, "PYTHONPATH": str(root / "tools")}
    return subprocess.run(command, env=tools, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
