"""A pytest plugin: breaks the mechanism of the mutation that $MUTATION names, before any test is read."""

from __future__ import annotations

import os

from tests.project.mutants.mutations import MUTATIONS

(_chosen,) = (mutation for mutation in MUTATIONS if mutation.name == os.environ["MUTATION"])
_chosen.make()
