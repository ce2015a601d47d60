"""The seam for whatever may forbid a start: a guard is asked before any of the user's code."""

from __future__ import annotations

from collections.abc import Callable

from shared.delivery import Batch
from worker.outcome import Outcome

type Guard = Callable[[Batch, float], Outcome | None]
"""Is asked of a batch, and of the time now in epoch seconds, before a start is counted. Its answer is the
outcome of every delivery, or None: go."""
