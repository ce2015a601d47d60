"""The mutations, before `make mutants` makes them."""

from __future__ import annotations

from tests.project.mutants.mutations import problems


def test_each_mutation_can_be_made() -> None:
    """One that names a function by an older name would be found only in the night."""
    assert list(problems()) == []
