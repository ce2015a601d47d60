"""Completion: a task that succeeded is recorded as done, before its message is deleted."""

from __future__ import annotations

from worker.observers.observer import Observer
from worker.outcome import Attempt, Outcome, Succeeded


class Completion(Observer):
    """Records that owned tasks are done."""

    async def ended(self, attempt: Attempt, outcome: Outcome) -> None:
        if attempt.record is not None and isinstance(outcome, Succeeded):
            await attempt.record.finish()
