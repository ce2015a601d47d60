"""Counts of what is on a queue, in flight, and dead."""

from __future__ import annotations

from dataclasses import dataclass
from time import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.queues import TaskQueue
from zigzag_operate.causes import cause
from zigzag_operate.errors import OperateError
from zigzag_operate.metrics import read_metrics
from zigzag_operate.target import Target

_DEPTHS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """SQS's counts of messages, which may be a minute old.

    waiting        -- those that a receive may bring now.
    in_flight      -- those with a worker, or that wait for a retry.
    delayed        -- those not yet due, as sent with a delay.
    oldest_seconds -- the age of the oldest, or None if CloudWatch has no figure.
    dead_letters   -- those in the dead-letter queue.
    """

    waiting: int
    in_flight: int
    delayed: int
    oldest_seconds: int | None
    dead_letters: int


def counts(target: Target, queue: TaskQueue) -> Counts:
    """Returns what is on a queue of the stack, and in its dead-letter queue. Raises OperateError."""
    sqs = target.client("sqs")
    try:
        of_queue = depths(sqs, queue.url)
        dead = depths(sqs, queue.dead_letter_url)
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"the queues don't answer: {cause(error)}") from error
    return Counts(
        **of_queue,
        oldest_seconds=_oldest(target, queue.url.rpartition("/")[2]),
        dead_letters=sum(dead.values()),
    )


def depths(sqs: Any, queue_url: str) -> dict[str, int]:
    """Returns how many messages are `waiting`, `in_flight` and `delayed`. Raises what boto3 raises."""
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(_DEPTHS.values()))
    return {name: int(answer["Attributes"][attribute]) for name, attribute in _DEPTHS.items()}


def _oldest(target: Target, queue_name: str) -> int | None:
    """Returns the age of the oldest message, which only CloudWatch has."""
    try:
        return read_metrics(target.client("cloudwatch"), [queue_name], None, time()).ages[queue_name]
    except (BotoCoreError, ClientError):
        return None
