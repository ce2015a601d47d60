"""Writes the log line of a delivery, the only one if all goes well, with its metrics if they are wanted.

CloudWatch reads the metrics from the line, so no call is made. The line's `_aws` names its members that are
metrics, and their dimensions
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

Each metric costs money for every value of its dimensions, so there are few. `seconds` has the dimensions
queue and outcome, of which there are seven; its number of values is the number of deliveries. `age_seconds`
has the dimension queue, for first attempts only: later ones wait for their backoff. Memory is no metric: it
matters only when somebody sizes the function, and a query of the log shows it then.
"""

from __future__ import annotations

import logging
from typing import Any

from shared import log
from shared.dead_letter import note_of
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.queues import DEFAULT
from shared.settings import function_version
from worker.host import Host
from worker.lookup import NoSuchTaskError
from worker.outcome import AlreadyDone
from worker.result import Report, Result
from zigzag import Reject, Retry
from zigzag.body import BadMessageError

NAMESPACE = "Zigzag"

_SECONDS = {
    "Namespace": NAMESPACE,
    "Dimensions": [["queue", "outcome"]],
    "Metrics": [{"Name": "seconds", "Unit": "Seconds"}],
}
_AGE = {
    "Namespace": NAMESPACE,
    "Dimensions": [["queue"]],
    "Metrics": [{"Name": "age_seconds", "Unit": "Seconds"}],
}


def fields_of_metrics(queue_url: str, now: float, *, first_age: bool) -> dict[str, Any]:
    """Returns the fields that make metrics of a line with `outcome`, `seconds` and perhaps `age_seconds`.

    queue_url -- the URL of the stack's own queue. An event may name any queue, and each name would cost
                 money.
    now       -- the metrics' time, in epoch seconds.
    first_age -- whether the line has the age of a first attempt.
    """
    directives = [_SECONDS, _AGE] if first_age else [_SECONDS]
    return {
        "queue": queue_url.rpartition("/")[2],
        log.METRICS: {"Timestamp": int(now * 1000), "CloudWatchMetrics": directives},
    }


_AS_PLANNED = ("succeeded", "already done", "released")
_SAID_IN_WORDS = (BadMessageError, NoSuchTaskError, Reject, Retry)
"""Errors whose text is enough: a traceback would add nothing."""


LINE_TELLS_SECONDS = 1.0
"""Time between a task's call and its line, or the begin of its attempt, from which on a line tells it."""


class LogLine:
    """Writes one line for each delivery.

    metrics_of -- the URL of the queue whose metrics the lines carry; None for no metrics.
    queue      -- its name in the stack.
    """

    def __init__(self, clock: Clock, host: Host, metrics_of: str | None, queue: str = DEFAULT) -> None:
        self._clock = clock
        self._host = host
        self._metrics_of = metrics_of
        self._queue = None if queue == DEFAULT else queue

    def settled(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        level = logging.INFO if report.outcome in _AS_PLANNED else logging.WARNING
        error = None if result is None or isinstance(result.error, _SAID_IN_WORDS) else result.error
        seconds = 0.0 if result is None else round(result.seconds, 3)
        figures = self._figures(delivery, result, report)
        said = {**report._asdict(), "message_id": delivery.message_id, "version": function_version()}
        log.write(level, "delivery", error=error, seconds=seconds, **figures, **said)

    def _figures(self, delivery: Delivery, result: Result | None, report: Report) -> dict[str, Any]:
        """Returns the process's memory, how old the message was when its attempt began, what an audit asks,
        and the metrics."""
        figures: dict[str, Any] = {"memory_mb": self._host.memory_mb()}
        sent_at = delivery.sent_at
        if result is not None and sent_at is not None:
            figures["age_seconds"] = round(max(0.0, result.start.at - sent_at), 3)  # two clocks can differ
        figures |= {"receives": delivery.receive_count, "queue": self._queue}
        if result is not None:
            figures |= _run_of(result, self._clock.now())
        if self._metrics_of is not None:
            first_age = "age_seconds" in figures and report.attempt == 1
            figures |= fields_of_metrics(self._metrics_of, self._clock.now(), first_age=first_age)
        return figures


def _run_of(result: Result, now: float) -> dict[str, Any]:
    """Returns what an audit can't know otherwise: when the task was called and for how long, if the line's
    time and `seconds` do not tell; what the run had lost by its end; whether the task is idempotent.

    now -- the line's time.
    """
    start, attempt = result.start, result.start.attempt
    ended = attempt.ended or start.at + result.seconds
    lost = ["lease"] if attempt.lease_lost else []
    run: dict[str, Any] = {"redriven": bool(note_of(start.delivery)) or None}
    if attempt.record is not None:
        run["idempotent"] = "key" if callable(attempt.policy.idempotent) else "id"
        lost += attempt.record.lost(ended)
    if attempt.began:
        ran = ended - attempt.began
        run["ran_seconds"] = round(ran, 3) if result.seconds - ran > LINE_TELLS_SECONDS else None
        run["started"] = round(attempt.began, 3) if now - ended > LINE_TELLS_SECONDS else None
    elif not isinstance(result.outcome, AlreadyDone):
        run["called"] = False
    return run | {"lost": ", ".join(lost) or None}
