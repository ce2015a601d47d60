"""A checkout where git is set up as on Windows, which WSL2 shares."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.project.docs.pages import ROOT


def test_no_line_ends_in_crlf_where_git_would_write_it(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git's")
    git = ["git", "-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run([*git, "clone", "-q", "--no-local", str(ROOT), str(tmp_path / "checkout")], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--eol"], cwd=tmp_path / "checkout", capture_output=True, text=True, check=True
    )

    assert "zigzag" in listed.stdout
    assert [line for line in listed.stdout.splitlines() if "w/crlf" in line or "w/mixed" in line] == []
