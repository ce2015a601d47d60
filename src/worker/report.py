"""What is said of a delivery when it is settled? One log line, and the function's answer."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from shared import log
from shared.delivery import Delivery
from shared.ports.clock import Clock
from worker.attempt import Attempted
from worker.decode import BadMessageError
from worker.host import Host
from worker.lookup import NoSuchTaskError
from worker.metrics import fields_of_metrics
from worker.outcome import AlreadyDone, DeadLetter, LeftAlone, RetryLater, Succeeded
from zigzag import Reject, Retry

_SAID_IN_WORDS = (BadMessageError, NoSuchTaskError, Reject, Retry)
"""Errors whose message says it all: a traceback would add nothing."""


class Report(NamedTuple):
    """One delivery, worked. `settled`: the outcome is true on SQS."""

    outcome: str
    task: str | None
    id: str | None
    attempt: int
    settled: bool
    reason: str | None = None
    retry_seconds: int | None = None


class Reporter(NamedTuple):
    """Reports deliveries.

    metrics_of -- the URL of the queue whose metrics the lines are as well, if they are.
    """

    clock: Clock
    host: Host
    metrics_of: str | None = None

    def report(
        self,
        delivery: Delivery,
        attempted: Attempted,
        settled: bool,
        started: float | None = None,
        seconds: float = 0.0,
    ) -> Report:
        """The report, and its log line: the only one that we write for a delivery that goes well.

        started -- when the attempt began; None if there was none.
        seconds -- how long it took, without its settling, which may wait for that of others.
        """
        said = _said(attempted, settled)
        level = logging.INFO if said.outcome in ("succeeded", "already done") else logging.WARNING
        error = None if isinstance(attempted.error, _SAID_IN_WORDS) else attempted.error
        figures = self._figures(delivery, said, started)
        log.write(level, "delivery", error=error, seconds=round(seconds, 3), **figures, **said._asdict())
        return said

    def _figures(self, delivery: Delivery, said: Report, started: float | None) -> dict[str, Any]:
        """The process's memory, how old the message was when its attempt began, and the metrics."""
        figures: dict[str, Any] = {"memory_mb": self.host.memory_mb()}
        if started is not None and delivery.sent_at is not None:
            figures["age_seconds"] = round(max(0.0, started - delivery.sent_at), 3)  # two clocks can differ
        if self.metrics_of is not None:
            first_age = "age_seconds" in figures and said.attempt == 1
            figures |= fields_of_metrics(self.metrics_of, self.clock.now(), first_age=first_age)
        return figures


def _said(attempted: Attempted, settled: bool) -> Report:
    reason: str | None = None
    retry_seconds: int | None = None
    match attempted.outcome:
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
    attempt = attempted.attempt
    return Report(name, attempt.task, attempt.id, attempt.number, settled, reason, retry_seconds)
