"""The result of an attempt, and its report for the log and for the function's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.delivery import Delivery
from worker.outcome import (
    AlreadyDone,
    Attempt,
    DeadLetter,
    Ignored,
    LeftAlone,
    Outcome,
    Released,
    RetryLater,
    Succeeded,
)
from worker.starts import MAX_STARTS, Starts

if TYPE_CHECKING:
    from worker.redrive import Redrive

FOUND = "its own database has it"
"""The reason of a report of a task that is done already by `@task(done=…)`."""


class Start(NamedTuple):
    """A start of a delivery, at a time in epoch seconds.

    first   -- whether it is the first of its batch, with all of the function's time.
    redrive -- the record of its token, if a redrive sent it.
    """

    delivery: Delivery
    attempt: Attempt
    starts: Starts
    at: float
    first: bool = True
    redrive: Redrive | None = None

    @property
    def had_less_time(self) -> bool:
        """Returns whether earlier deliveries used some of its time, and it may come first in a later batch:
        always on a FIFO queue, else for MAX_STARTS deliveries."""
        return not self.first and (self.delivery.from_fifo or self.delivery.receive_count <= MAX_STARTS)


class Result(NamedTuple):
    """A start and its end.

    error   -- the error of the user's code, or None.
    seconds -- how long it took without its settling, which may wait for others.
    """

    start: Start
    outcome: Outcome
    error: BaseException | None
    seconds: float


class Report(NamedTuple):
    """The report of one delivery. `settled`: the outcome is carried out on SQS."""

    outcome: str
    task: str | None
    id: str | None
    attempt: int
    settled: bool
    reason: str | None = None
    retry_seconds: int | None = None


def report_of(outcome: Outcome, attempt: Attempt | None, *, settled: bool) -> Report:
    """Returns the outcome in words. `attempt` is None if nothing was started."""
    reason: str | None = None
    retry_seconds: int | None = None
    match outcome:
        case Succeeded():
            name = "succeeded"
        case AlreadyDone():
            name, reason = "already done", outcome.why
        case RetryLater(retry_seconds, reason):
            name = "retry later"
        case Released(retry_seconds, reason):
            name = "released"
        case DeadLetter(cause):
            name, reason = "dead-letter", cause.reason
        case Ignored(cause):
            name, reason = "ignored", cause.reason
        case LeftAlone(reason):
            name = "left alone"
    if reason is not None:  # a lone surrogate, which UTF-8 can't encode, would break the function's answer
        reason = reason.encode(errors="backslashreplace").decode()
    if attempt is None:
        return Report(name, None, None, 0, settled, reason, retry_seconds)
    return Report(name, attempt.task, attempt.id, attempt.number, settled, reason, retry_seconds)
