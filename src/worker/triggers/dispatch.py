"""The trigger that Zigzag has: the consumer's dispatch. An event becomes a batch, and reports an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.delivery import Batch, from_event
from worker.result import Report


def batch_of(event: Any) -> Batch:
    """The batch in the event. Raises BadEventError."""
    return from_event(event)


def answer_of(reports: Sequence[Report]) -> Any:
    """The function's answer: the report of its delivery, or a list of them."""
    answers = [report._asdict() for report in reports]
    return answers[0] if len(answers) == 1 else answers
