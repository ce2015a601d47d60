"""Reads the version of Zigzag that a project has."""

from __future__ import annotations

import re
from pathlib import Path

_SAY_IT = ((".zigzag-version", r"# Zigzag (\S+):"), ("pyproject.toml", r'version = "(\S+)"'))
"""The files that have the version. A user's project has the first; its pyproject.toml has its own version."""


def version(project: Path) -> str:
    """Returns the version, or `unknown` if no file has it."""
    for name, pattern in _SAY_IT:
        file = project / name
        if file.exists() and (found := re.search(pattern, file.read_text(encoding="utf-8"))):
            return found[1]
    return "unknown"
