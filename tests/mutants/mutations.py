"""Every mutation there is: what `make mutants` breaks, one after the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.broken import (
    attempts,
    batches,
    calls,
    dead_letters,
    dispatches,
    events,
    gates,
    leases,
    outcomes,
    polls,
    processes,
    records,
    sqs_and_dynamodb,
    template,
    time,
)
from tests.mutants.mechanism import MutationError

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    polls.PART,
    gates.PART,
    dispatches.PART,
    leases.PART,
    batches.PART,
    time.PART,
    processes.PART,
    records.PART,
    attempts.PART,
    outcomes.PART,
    dead_letters.PART,
    events.PART,
    calls.PART,
    sqs_and_dynamodb.PART,
    template.PART,
)
MUTATIONS = tuple(mutation for part in PARTS for mutation in part.mutations)


def problems() -> Iterator[str]:
    """Why mutations can't be made, or not be told apart, or open no hazard: asked before the first test."""
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
