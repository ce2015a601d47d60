"""Every mutation there is: what `make mutants` breaks, one after the other."""

from __future__ import annotations

from tests.mutants import in_the_consumer, in_the_worker, in_what_they_share
from tests.mutants.mutation import Mutation

PARTS: dict[str, tuple[Mutation, ...]] = {
    "Consumer": in_the_consumer.MUTATIONS,
    "Worker": in_the_worker.MUTATIONS,
    "What they share": in_what_they_share.MUTATIONS,
}

MUTATIONS = tuple(mutation for part in PARTS.values() for mutation in part)
