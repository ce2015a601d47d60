"""Mutations, which `make mutants` makes, name what is there."""

from __future__ import annotations

from tests.project.mutants.mutations import problems


def test_each_mutation_has_its_mechanism_and_opens_a_hazard_of_the_page() -> None:
    assert list(problems()) == []
