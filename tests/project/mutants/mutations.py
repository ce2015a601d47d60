"""Every mutation there is: what `make mutants` breaks, one after the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.project.mutants.mechanism import MutationError

ROOT = Path(__file__).resolve().parents[3]
ORDER = (
    "polls consumers gates dispatches leases batches time processes records attempts outcomes dead_letters"
    " following failures expiry events calls sends sqs_and_dynamodb servers template"
)
"""Of the modules in `broken`, as the page has them."""

PARTS = tuple(import_module(f"tests.project.mutants.broken.{name}").PART for name in ORDER.split())
MUTATIONS = tuple(mutation for part in PARTS for mutation in part.mutations)


def problems() -> Iterator[str]:
    """Yields why mutations can't be made or told apart, or open no hazard. `make mutants` asks it first."""
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| (H\d+) \|", page, re.MULTILINE))
    for name, times in Counter(mutation.name for mutation in MUTATIONS).items():
        if times > 1:
            yield f"{name}: there are {times} of that name"
    for mutation in MUTATIONS:
        if not mutation.hazards or not set(mutation.hazards.split()) <= known:
            yield f"{mutation.name}: docs/reliability.md does not know all of its hazards, {mutation.hazards}"
        try:
            mutation.check()
        except MutationError as error:
            yield f"{mutation.name}: {mutation.target}: {error}"
