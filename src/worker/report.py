"""What is said of a delivery when it is settled? One log line, and the function's answer."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

from shared import log
from worker.attempt import Attempted
from worker.decode import BadMessageError
from worker.lookup import NoSuchTaskError
from worker.outcome import AlreadyDone, DeadLetter, Ignored, RetryLater, Succeeded
from zigzag import Reject, Retry

_SAID_IN_WORDS = (BadMessageError, NoSuchTaskError, Reject, Retry)
"""Errors whose message says it all: a traceback would add nothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """One delivery, worked. `settled`: the outcome is true on SQS."""

    outcome: str
    task: str | None
    id: str | None
    attempt: int
    settled: bool
    reason: str | None = None
    retry_seconds: int | None = None


def report(attempted: Attempted, settled: bool, seconds: float) -> Report:
    """The report, and its log line: the only one that we write for a delivery that goes well."""
    reason: str | None = None
    retry_seconds: int | None = None
    match attempted.outcome:
        case Succeeded():
            name = "succeeded"
        case AlreadyDone():
            name = "already done"
        case RetryLater(retry_seconds, reason):
            name = "retry later"
        case DeadLetter(death):
            name, reason = "dead-letter", death.reason
        case Ignored(reason):
            name = "ignored"
    if reason is not None:  # half a character, which no UTF-8 can hold, would end the function's answer
        reason = reason.encode(errors="backslashreplace").decode()
    attempt = attempted.attempt
    said = Report(name, attempt.task, attempt.id, attempt.number, settled, reason, retry_seconds)
    level = logging.INFO if name in ("succeeded", "already done") else logging.WARNING
    error = None if isinstance(attempted.error, _SAID_IN_WORDS) else attempted.error
    log.write(level, "delivery", error=error, seconds=round(seconds, 3), **asdict(said))
    return said
