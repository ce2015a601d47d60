"""Reads the version of Zigzag that a project has."""

from __future__ import annotations

import re
from pathlib import Path

_SAY_IT = ((".zigzag-version", r"# Zigzag (\S+):"), ("pyproject.toml", r'version = "(\S+)"'))
"""A project of a user's own has the first file; its pyproject.toml says the project's own version."""


def version(project: Path) -> str:
    """Returns the version, or `unknown` where no file says it."""
    for name, pattern in _SAY_IT:
        file = project / name
        if file.exists() and (found := re.search(pattern, file.read_text(encoding="utf-8"))):
            return found[1]
    return "unknown"
