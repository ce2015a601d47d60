"""The trigger for the consumer's dispatch: makes a batch of an event, and an answer of reports."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from shared.delivery import BadEventError, Batch, from_event
from worker.result import Report

MAX_CHARACTERS = 1_000
"""Most characters of one text of the answer."""


def batch_of(event: Any, queue_urls: Container[str]) -> Batch:
    """Returns the batch in the event. Raises BadEventError, also if its queue is not the stack's."""
    batch = from_event(event)
    if batch.queue_url is not None and batch.queue_url not in queue_urls:
        raise BadEventError(f"the event names a queue that is none of this stack's: {batch.queue_url}")
    return batch


def answer_of(reports: Sequence[Report]) -> Any:
    """Returns the function's answer: the report of its delivery, or a list of them.

    Lambda takes 6 MB, so long reasons and ids are cut
    (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
    """
    answers = [
        report._replace(id=_cut(report.id), reason=_cut(report.reason))._asdict() for report in reports
    ]
    return answers[0] if len(answers) == 1 else answers


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:MAX_CHARACTERS]
