"""Does each hazard on docs/security.md have tests, and are they there?"""

from __future__ import annotations

import re

import pytest
from tests.project.docs.pages import ROOT, blocks, in_text, read
from tests.project.docs.test_reliability import those_of_file

PAGE = read("docs/security.md")
NUMBERS = re.findall(r"^\| (H\d+) \|", PAGE, re.MULTILINE)
(TESTS,) = [block.text for block in blocks(PAGE, "text")]


def test_every_hazard_has_a_number_of_its_own() -> None:
    elsewhere = re.findall(r"^\| (H\d+) \|", read("docs/reliability.md"), re.MULTILINE)

    assert len(set(NUMBERS)) == len(NUMBERS)
    assert set(NUMBERS) & set(elsewhere) == set()


def test_every_hazard_has_a_test() -> None:
    assert re.findall(r"^(H\d+) ", TESTS, re.MULTILINE) == NUMBERS


@pytest.mark.parametrize("test", re.findall(r"tests/\S+", TESTS))
def test_every_test_that_is_named_exists(test: str) -> None:
    assert test in those_of_file(test.partition("::")[0])


def test_every_file_that_is_named_exists() -> None:
    named = {code for code in in_text(PAGE) if code.startswith(("src/", "tools/", "tests/"))}

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
