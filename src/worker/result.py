"""The result of an attempt, and the report that tells it: in the log, and in the function's answer."""

from __future__ import annotations

from typing import NamedTuple

from shared.delivery import Delivery
from worker.outcome import (
    AlreadyDone,
    Attempt,
    DeadLetter,
    LeftAlone,
    Outcome,
    Released,
    RetryLater,
    Succeeded,
)
from worker.starts import MAX_STARTS, Starts


class Start(NamedTuple):
    """A start: of which delivery, and since when, in epoch seconds.

    first -- whether it is the first of its batch, and so had all of the function's time.
    """

    delivery: Delivery
    attempt: Attempt
    starts: Starts
    at: float
    first: bool = True

    @property
    def had_less_time(self) -> bool:
        """Whether earlier deliveries used some of its time and it may lead a later batch: always on a FIFO
        queue, else for MAX_STARTS deliveries."""
        return not self.first and (self.delivery.from_fifo or self.delivery.receive_count <= MAX_STARTS)


class Result(NamedTuple):
    """A start, and its end.

    error   -- what the user's code raised, or None.
    seconds -- how long it took, without its settling, which may wait for that of others.
    """

    start: Start
    outcome: Outcome
    error: BaseException | None
    seconds: float


class Report(NamedTuple):
    """One delivery, worked. `settled`: the outcome is true on SQS."""

    outcome: str
    task: str | None
    id: str | None
    attempt: int
    settled: bool
    reason: str | None = None
    retry_seconds: int | None = None


def report_of(outcome: Outcome, attempt: Attempt | None, *, settled: bool) -> Report:
    """The outcome in words. `attempt` is None where nothing was started."""
    reason: str | None = None
    retry_seconds: int | None = None
    match outcome:
        case Succeeded():
            name = "succeeded"
        case AlreadyDone():
            name = "already done"
        case RetryLater(retry_seconds, reason):
            name = "retry later"
        case Released(retry_seconds, reason):
            name = "released"
        case DeadLetter(cause):
            name, reason = "dead-letter", cause.reason
        case LeftAlone(reason):
            name = "left alone"
    if reason is not None:  # half a character, which no UTF-8 can hold, would end the function's answer
        reason = reason.encode(errors="backslashreplace").decode()
    if attempt is None:
        return Report(name, None, None, 0, settled, reason, retry_seconds)
    return Report(name, attempt.task, attempt.id, attempt.number, settled, reason, retry_seconds)
