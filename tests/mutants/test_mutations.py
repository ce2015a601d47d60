"""Is the list of mutations true to the code, and docs/mutants.md to the list?"""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest
from tests.docs.pages import ROOT, read
from tests.mutants.mutation import Mutation
from tests.mutants.mutations import MUTATIONS, PARTS
from tests.mutants.page import PAGE

each = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)


@each
def test_what_a_mutation_breaks_is_there_once(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text(encoding="utf-8")

    broken = mutation.broken(text)

    assert broken != text
    if mutation.file.endswith(".py"):
        ast.parse(broken)  # a typing error would be noticed by every test


@each
def test_a_mutation_opens_a_hazard_that_the_page_knows(mutation: Mutation) -> None:
    known = re.findall(r"^\| (H\d+) \|", read("docs/reliability.md"), re.MULTILINE)

    assert mutation.hazards
    assert set(mutation.hazards.split()) <= set(known)


def test_no_two_mutations_have_the_same_name() -> None:
    assert max(Counter(mutation.name for mutation in MUTATIONS).values()) == 1


def test_the_page_names_exactly_these_mutations() -> None:
    sections = re.split(r"^## ", read(PAGE), flags=re.MULTILINE)[1:]
    told = {
        section.splitlines()[0]: re.findall(r"^\| ([^|]+?) \| H", section, re.MULTILINE)
        for section in sections
    }

    assert told == {part: [mutation.name for mutation in PARTS[part]] for part in PARTS}


def test_every_mutation_of_the_page_was_noticed() -> None:
    assert "**0** by nobody" in read(PAGE)
    assert "| nobody |" not in read(PAGE)
