"""A sample of what waits on a queue: it is received, and SQS makes it visible again after two seconds.

Needs the permissions `cloudformation:DescribeStacks`, `sqs:GetQueueAttributes` and `sqs:ReceiveMessage`; with
a key of one's own, `kms:Decrypt`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.delivery import Delivery
from shared.queues import DEFAULT, TaskQueue
from worker.decode import NothingToDoError, OnlyFollowUpsError, decode
from worker.lookup import BrokenTaskError
from zigzag.body import BadMessageError
from zigzag_operate.causes import cause
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.queues import named
from zigzag_operate.target import ONCE, Target, date_of

MOST = 10
HIDDEN_SECONDS = 2

NEAR_END = 30
"""A message that may be received no more often than this is not looked at again."""

_RECEIVES = 3
_WITHIN_SECONDS = 1.0
"""After the first answer. No message is visible again by then, so that none is received twice."""

_SYSTEM = ["ApproximateReceiveCount", "SentTimestamp"]
_ATTRIBUTES = ["RedrivePolicy", "ApproximateNumberOfMessages"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits.

    task, id -- None if its body names none, or can't be read here.
    receives -- how often it was received, this time included.
    near_end -- whether SQS will soon move it to the dead-letter queue, as it was received so often.
    body     -- if it was asked for.
    """

    task: str | None
    id: str | None
    age_seconds: float
    receives: int
    near_end: bool
    message_id: str
    body: str | None


@dataclass(frozen=True, slots=True)
class Peek:
    """The messages that were seen, of about so many that wait.

    most_receives -- SQS moves a message that was received so often, or None if the queue has no such rule.
    """

    queue: str
    waiting: int
    most_receives: int | None
    messages: list[Waiting]


def peek(target: Target, queue: str = DEFAULT, *, payload: bool = False) -> Peek:
    """Returns some of what waits. Raises each message's receive count by one; by more only if SQS brings
    it twice, or answers a call after more than a second.

    A count is known only after the receive. So the first message that is near its end ends the sample, and a
    queue on which each could be is refused. Raises OperateError, also for a FIFO queue, where a hidden
    message would hold back its group.
    """
    one = named(target.stack_as_it_is(), queue)
    if one.fifo:
        raise OperateError(
            f"{queue} is a FIFO queue: a look would hide the head of a group, and so hold back the group",
            Kind.WRONG,
        )
    try:
        return _seen(target.client("sqs", ONCE), one, payload)
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"the queue can't be looked at: {cause(error)}") from error


def _seen(sqs: Any, queue: TaskQueue, payload: bool) -> Peek:
    said = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=_ATTRIBUTES)["Attributes"]
    policy = json.loads(said.get("RedrivePolicy", "{}"))
    most = int(policy["maxReceiveCount"]) if "maxReceiveCount" in policy else None
    if most is not None and most <= NEAR_END:
        raise OperateError(
            f"{queue.name} has a maxReceiveCount of {most}, and a look takes one receive of each message: "
            "set it to 1000, as in the template"
        )
    found: dict[str, Waiting] = {}
    until = None
    for wait in (1, *[0] * (_RECEIVES - 1)):
        answer = sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=MOST - len(found),
            WaitTimeSeconds=wait,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=_SYSTEM,
        )
        for message in answer.get("Messages", []):
            found[message["MessageId"]] = _waiting(message, date_of(answer), most, payload)
        until = until or monotonic() + _WITHIN_SECONDS
        if len(found) >= MOST or monotonic() > until or any(one.near_end for one in found.values()):
            break
    messages = sorted(found.values(), key=lambda one: -one.age_seconds)
    return Peek(queue.name, int(said["ApproximateNumberOfMessages"]), most, messages)


def _waiting(message: Mapping[str, Any], now: float, most: int | None, payload: bool) -> Waiting:
    system = message["Attributes"]
    receives = int(system["ApproximateReceiveCount"])
    age = max(0.0, now - int(system["SentTimestamp"]) / 1000)
    near_end = most is not None and receives >= most - NEAR_END
    body = message["Body"] if payload else None
    return Waiting(*_named(message), round(age, 1), receives, near_end, message["MessageId"], body)


def _named(message: Mapping[str, Any]) -> tuple[str | None, str | None]:
    try:
        read = decode(Delivery(dict(message)))
    except (BadMessageError, BrokenTaskError, NothingToDoError, OnlyFollowUpsError):
        return None, None
    return read.task, read.id
