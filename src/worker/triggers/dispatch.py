"""The trigger that Zigzag has: the consumer's dispatch. An event becomes a batch, and reports an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.delivery import Batch, from_event
from worker.result import Report

MAX_CHARACTERS = 1_000
"""Of one text of the answer."""


def batch_of(event: Any) -> Batch:
    """The batch in the event. Raises BadEventError."""
    return from_event(event)


def answer_of(reports: Sequence[Report]) -> Any:
    """The function's answer: the report of its delivery, or a list of them.

    Lambda takes 6 MB, so long reasons and ids are cut
    (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
    """
    answers = [
        report._replace(id=_cut(report.id), reason=_cut(report.reason))._asdict() for report in reports
    ]
    return answers[0] if len(answers) == 1 else answers


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:MAX_CHARACTERS]
