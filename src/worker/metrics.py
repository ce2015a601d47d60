"""Which metrics does a delivery's log line carry? CloudWatch makes them of the line: nobody is called.

The line's `_aws` says which of its members are metrics, and which are their dimensions
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

Each metric is paid for once for every value of its dimensions, so there are few. `seconds` goes by queue and
outcome, of which there are five; how often it has a value is how many deliveries there were. `age_seconds`
goes by queue, for first attempts only: a later one waits because its backoff says so. Memory is no metric:
it matters when somebody sizes the function, and a query of the log shows it then.
"""

from __future__ import annotations

from typing import Any

from shared import log

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
    """What a line with `outcome`, `seconds` and perhaps `age_seconds` needs to be its metrics as well.

    queue_url -- of the stack's own queue. An event may name any, and each name would be paid for.
    now       -- the metrics' time, in epoch seconds.
    first_age -- whether the line has the age of a first attempt.
    """
    directives = [_SECONDS, _AGE] if first_age else [_SECONDS]
    return {
        "queue": queue_url.rpartition("/")[2],
        log.METRICS: {"Timestamp": int(now * 1000), "CloudWatchMetrics": directives},
    }
