"""`zigzag status`: what is on the queue, in flight, and dead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_cli.causes import cause
from zigzag_cli.failure import Failure
from zigzag_cli.target import Target

_DEPTHS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}

WORDS = {
    "waiting": "waiting",
    "in_flight": "in flight, or waiting for a retry",
    "delayed": "not yet due, as sent with a delay",
    "oldest_seconds": "age of the oldest, in seconds",
    "dead_letters": "dead letters",
}
"""The words for each count."""


def status(target: Target) -> dict[str, Any]:
    """Returns SQS's counts, which may be a minute old. `oldest_seconds` is None if CloudWatch has no figure.

    Raises Failure.
    """
    outputs = target.outputs()
    sqs = target.client("sqs")
    try:
        depths = _attributes(sqs, outputs["QueueUrl"])
        dead = _attributes(sqs, outputs["DeadLetterQueueUrl"])
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"the queues don't answer: {cause(error)}") from error
    counts: dict[str, Any] = {name: int(depths[attribute]) for name, attribute in _DEPTHS.items()}
    counts["oldest_seconds"] = _oldest(target, outputs["QueueUrl"].rpartition("/")[2])
    counts["dead_letters"] = sum(int(dead[attribute]) for attribute in _DEPTHS.values())
    return counts


def _attributes(sqs: Any, queue_url: str) -> dict[str, str]:
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(_DEPTHS.values()))
    return dict(answer["Attributes"])


def _oldest(target: Target, queue_name: str) -> int | None:
    """Returns the age of the oldest message, which only CloudWatch has."""
    now = datetime.now(UTC)
    try:
        answer = target.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue_name}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
    except (BotoCoreError, ClientError):
        return None
    points = sorted(answer.get("Datapoints", []), key=lambda point: point["Timestamp"])
    return int(points[-1]["Maximum"]) if points else None
