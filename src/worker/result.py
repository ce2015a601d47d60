"""The result of an attempt, and the report that tells it: in the log, and in the function's answer."""

from __future__ import annotations

from typing import NamedTuple

from shared.delivery import Delivery
from worker.outcome import AlreadyDone, Attempt, DeadLetter, LeftAlone, Outcome, RetryLater, Succeeded


class Result(NamedTuple):
    """An attempt at a delivery, and its end.

    error   -- what the task raised, or None.
    started -- when the attempt began, in epoch seconds; None if there was none.
    seconds -- how long it took, without its settling, which may wait for that of others.
    """

    delivery: Delivery
    attempt: Attempt
    outcome: Outcome
    error: BaseException | None = None
    started: float | None = None
    seconds: float = 0.0


class Report(NamedTuple):
    """One delivery, worked. `settled`: the outcome is true on SQS."""

    outcome: str
    task: str | None
    id: str | None
    attempt: int
    settled: bool
    reason: str | None = None
    retry_seconds: int | None = None


def report_of(result: Result, *, settled: bool) -> Report:
    """The result in words."""
    attempt = result.attempt
    reason: str | None = None
    retry_seconds: int | None = None
    match result.outcome:
        case Succeeded():
            name = "succeeded"
        case AlreadyDone():
            name = "already done"
        case RetryLater(retry_seconds, reason):
            name = "retry later"
        case DeadLetter(cause):
            name, reason = "dead-letter", cause.reason
        case LeftAlone(reason):
            name = "left alone"
    if reason is not None:  # half a character, which no UTF-8 can hold, would end the function's answer
        reason = reason.encode(errors="backslashreplace").decode()
    return Report(name, attempt.task, attempt.id, attempt.number, settled, reason, retry_seconds)
