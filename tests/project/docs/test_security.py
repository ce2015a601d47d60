"""Does each hazard on docs/security.md have tests, and are they there?"""

from __future__ import annotations

import re

from tests.project.docs.pages import read
from tests.project.docs.test_reliability import named_tests

PAGE = read("docs/security.md")
NUMBERS = re.findall(r"^\| (H\d+) \|", PAGE, re.MULTILINE)


def test_every_hazard_has_a_number_of_its_own() -> None:
    elsewhere = re.findall(r"^\| (H\d+) \|", read("docs/reliability.md"), re.MULTILINE)

    assert len(set(NUMBERS)) == len(NUMBERS)
    assert set(NUMBERS) & set(elsewhere) == set()


def test_every_hazard_has_a_test() -> None:
    assert [number for number in NUMBERS if number not in named_tests()] == []
