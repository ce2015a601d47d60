"""Makes the context of an attempt, which its task may read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from shared import log
from shared.dead_letter import original_attributes
from worker.result import Start
from zigzag import Context


def context_of(
    start: Start, seconds_left: Callable[[], float], complete: Callable[..., dict[str, Any]]
) -> Context:
    """Returns the context of a start's attempt.

    seconds_left -- seconds until the function interrupts the task. The task's own timeout may come first.
    complete     -- returns the completion of a start's task.
    """
    attempt, delivery = start.attempt, start.delivery
    limit = attempt.policy.timeout
    spare = 0.0 if limit is None else max(0.0, seconds_left() - limit)  # time beyond the task's timeout
    fields = {"task": attempt.task, "id": attempt.id, "attempt": attempt.number}
    sent_at = delivery.sent_at
    return Context(
        id=attempt.id or delivery.message_id,
        task=attempt.task or "",
        attempt=attempt.number,
        sent_at=None if sent_at is None else datetime.fromtimestamp(sent_at, UTC),
        attributes={
            name: attribute.get("BinaryValue", attribute.get("StringValue", ""))
            for name, attribute in original_attributes(delivery).items()
        },
        log=log.of_a_task(fields),
        seconds_left=lambda: max(0.0, seconds_left() - spare),
        failed=attempt.failed,
        complete=partial(complete, start),
    )
