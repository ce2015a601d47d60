"""A run in several processes reports all that its tests say, on the terminal and as XML."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]

TEST = r"""
import logging

from tests.conftest import COUNTED


def test_it(record_property):
    logging.error("half a character: \ud800, none: \0")
    record_property(COUNTED, "two thousand sent")
    assert False, "\ud800"
"""


def test_counts_and_hostile_characters_are_in_every_report(tmp_path: Path) -> None:
    # Given a test that logs what neither UTF-8 nor XML can hold, counts, and fails
    (tmp_path / "test_it.py").write_text(TEST, encoding="utf-8")

    # When it is run as `make test` does, and an XML file is asked for
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", "-p", "tests.conftest"]
    command += ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", f"--junitxml={tmp_path / 'it.xml'}"]
    command += ["--basetemp", str(tmp_path / "temp"), str(tmp_path / "test_it.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    # Then it has failed, and what it says is in both
    assert "1 failed" in done.stdout, done.stdout
    xml = ElementTree.parse(tmp_path / "it.xml").getroot()  # noqa: S314 -- our own file
    (case,) = xml.iter("testcase")
    assert "half a character: \\ud800" in done.stdout
    assert "two thousand sent" in done.stdout
    assert [one.get("value") for one in case.iter("property")] == ["two thousand sent"]
    assert [one.tag for one in case if one.tag in ("error", "failure")] == ["failure"]
