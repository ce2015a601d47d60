"""The interface for guards: each may forbid a start, before any of the user's code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shared.delivery import Batch
from worker.outcome import Outcome

type Guard = Callable[[Batch, float], Awaitable[Outcome | None]]
"""Takes a batch and the time now in epoch seconds, before a start is counted. Returns the outcome of every
delivery, or None if it may start."""
