"""The figures that only CloudWatch has, by one call: ages of oldest messages, dropped starts, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

ACTION = "cloudwatch:GetMetricData"
MINUTES = 15
"""For so long AWS may take to publish the first figures of a queue that was asleep
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html)."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of the last 15 minutes.

    ages    -- of the oldest message of each queue, in seconds, by the queue's name at SQS; None without one.
    dropped -- asynchronous starts of the worker that Lambda has dropped.
    died    -- invocations of the worker that have ended with an error.
    """

    ages: dict[str, int | None]
    dropped: int
    died: int


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
    return Metrics(ages, *(int(sum(found.get(id, {}).get("Values", []))) for id in _OF_WORKER))


_AGE = "AWS/SQS", "ApproximateAgeOfOldestMessage"
_OF_WORKER = {"dropped": ("AWS/Lambda", "AsyncEventsDropped"), "died": ("AWS/Lambda", "Errors")}


def _query(id: str, metric: tuple[str, str], dimension: str, value: str, stat: str) -> dict[str, Any]:
    namespace, name = metric
    of = {"Namespace": namespace, "MetricName": name, "Dimensions": [{"Name": dimension, "Value": value}]}
    return {"Id": id, "MetricStat": {"Metric": of, "Period": 60, "Stat": stat}}


def _newest(result: dict[str, Any]) -> int | None:
    points = zip(result.get("Timestamps", []), result.get("Values", []), strict=True)
    newest = max(points, key=lambda point: point[0], default=None)
    return None if newest is None else int(newest[1])
