"""Does each hazard on docs/security.md have tests, and are they there?"""

from __future__ import annotations

import re

from tests.project.docs.pages import ROOT, in_text, read
from tests.project.docs.test_reliability import named_tests

PAGE = read("docs/security.md")
NUMBERS = re.findall(r"^\| (H\d+) \|", PAGE, re.MULTILINE)


def test_every_hazard_has_a_number_of_its_own() -> None:
    elsewhere = re.findall(r"^\| (H\d+) \|", read("docs/reliability.md"), re.MULTILINE)

    assert len(set(NUMBERS)) == len(NUMBERS)
    assert set(NUMBERS) & set(elsewhere) == set()


def test_every_hazard_has_a_test() -> None:
    assert [number for number in NUMBERS if number not in named_tests()] == []


def test_every_file_that_is_named_exists() -> None:
    named = {code for code in in_text(PAGE) if code.startswith(("src/", "tools/", "tests/"))}

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
