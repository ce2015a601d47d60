"""Each wheel that ships, or that the local AWS runs, is the one that was there when it was pinned."""

from __future__ import annotations

import re

import pytest
from tests.project.architecture.modules import ROOT

(HASHED,) = re.findall(r"^HASHED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
FILES = HASHED.split()
ONE_VERSION = re.compile(r"[\w.-]+==[\w.]+(\s+--hash=sha256:[0-9a-f]{64})+")


def ours(file: str) -> list[str]:
    """Returns the requirements of a file, a line each, without a user's."""
    text = (ROOT / file).read_text(encoding="utf-8").partition("# ==== YOURS")[0]
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def test_they_are_what_ships_the_local_aws_and_pip() -> None:
    assert FILES == ["src/requirements.txt", "tools/zigzag_local/requirements.txt", "tools/pip.txt"]


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_one_version_with_a_hash(file: str) -> None:
    wrong = [line for line in ours(file) if not ONE_VERSION.fullmatch(line)]

    assert ours(file)
    assert wrong == []


def test_a_compiled_package_has_a_wheel_for_each_machine() -> None:
    (compiled,) = [line for line in ours("src/requirements.txt") if line.startswith("pydantic_core==")]

    assert compiled.count("--hash") == 4  # Linux and macOS, on both processors


@pytest.mark.parametrize("made", ["src/package/package.mk", "tools/make-environment"])
def test_each_installer_goes_by_the_hashes(made: str) -> None:
    text = (ROOT / made).read_text()

    assert "package/packages.py" in text
    assert "pip install" not in text
