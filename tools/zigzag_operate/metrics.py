"""The figures that only CloudWatch has, by one call: ages of oldest messages, dropped starts, errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

ACTION = "cloudwatch:GetMetricData"
MINUTES = 15
"""For so long AWS may take to publish the first figures of a queue that was asleep
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html)."""


class Happened(NamedTuple):
    """How often something has happened, and in epoch seconds, the end of the last minute in which it did."""

    times: int
    until: float | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of the last 15 minutes.

    ages    -- of the oldest message of each queue, in seconds, by the queue's name at SQS; None without one.
    dropped -- asynchronous starts of the worker that Lambda has dropped.
    died    -- invocations of the worker that have ended with an error.
    """

    ages: dict[str, int | None]
    dropped: Happened
    died: Happened


def read_metrics(cloudwatch: Any, queues: Sequence[str], worker: str | None, now: float) -> Metrics:
    """Returns the figures. Raises what boto3 raises.

    queues -- the names that SQS gives them.
    worker -- the function's name, or None if it is not known.

    An age leaves out messages of a standard queue that were received three times
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
    """
    queries = [_query(f"age{n}", _AGE, "QueueName", name, "Maximum") for n, name in enumerate(queues)]
    if worker is not None:
        queries += [_query(id, metric, "FunctionName", worker, "Sum") for id, metric in _OF_WORKER.items()]
    end = datetime.fromtimestamp(now, UTC)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries,
        StartTime=end - timedelta(minutes=MINUTES),
        EndTime=end + timedelta(minutes=1),
    )
    found = {one["Id"]: one for one in answer["MetricDataResults"]}
    ages = {name: _newest(found.get(f"age{n}", {})) for n, name in enumerate(queues)}
    return Metrics(ages, *(_happened(found.get(id, {})) for id in _OF_WORKER))


_PERIOD = 60
_AGE = "AWS/SQS", "ApproximateAgeOfOldestMessage"
_OF_WORKER = {"dropped": ("AWS/Lambda", "AsyncEventsDropped"), "died": ("AWS/Lambda", "Errors")}


def _query(id: str, metric: tuple[str, str], dimension: str, value: str, stat: str) -> dict[str, Any]:
    namespace, name = metric
    of = {"Namespace": namespace, "MetricName": name, "Dimensions": [{"Name": dimension, "Value": value}]}
    return {"Id": id, "MetricStat": {"Metric": of, "Period": _PERIOD, "Stat": stat}}


def _newest(result: dict[str, Any]) -> int | None:
    newest = max(_points(result), default=None)
    return None if newest is None else int(newest[1])


def _happened(result: dict[str, Any]) -> Happened:
    minutes = [point for point in _points(result) if point[1]]
    last = max(minutes, default=None)
    return Happened(
        int(sum(times for _, times in minutes)), None if last is None else last[0].timestamp() + _PERIOD
    )


def _points(result: dict[str, Any]) -> Iterator[tuple[datetime, float]]:
    return zip(result.get("Timestamps", []), result.get("Values", []), strict=True)
