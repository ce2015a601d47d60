"""Sends a task by its name, after checking its payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import Any

from shared.aws.boto import BotoTransport
from shared.aws.s3_objects import S3Objects
from shared.aws.sqs_queue import SqsQueue
from shared.ports.addresses import allowed
from shared.ports.queue import MAX_DELAY_SECONDS, QueueError
from shared.queues import DEFAULT, is_url
from tasks import TASKS
from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag import BadPayloadError, PayloadTooLargeError, SendError
from zigzag.aws import region_of
from zigzag.extra.aws_scheduler import AwsScheduler
from zigzag.extra.schedules import at_expression, planned, schedule
from zigzag.in_place import run_in_place
from zigzag.send import Options, compose, encode, send_error
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.queues import named, queues_of
from zigzag_operate.target import Stack, Target


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that SQS has taken."""

    message_id: str
    queue_url: str


@dataclass(frozen=True, slots=True)
class SentLater:
    """A message that a schedule sends: its task's id, and when, in UTC, such as 2027-01-15T08:00:00."""

    id: str
    at: str
    queue_url: str


def send(
    target: Target,
    task: str,
    payload: Mapping[str, Any],
    *,
    queue: str | None = None,
    id: str | None = None,
    delay_seconds: int = 0,
    group: str | None = None,
    deduplication_id: str | None = None,
    at: datetime | None = None,
    expires_at: datetime | None = None,
    reply_to: str | None = None,
    correlation_id: str | None = None,
) -> Sent | SentLater:
    """Sends the task called so. `Task.send` explains the options.

    queue -- the name or the URL of a queue of the stack; None is the task's own.

    Raises OperateError, and sends nothing, if the payload does not fit the task, the stack may not reply to
    that address, or the queue refuses.
    """
    options = Options(id, delay_seconds, group, deduplication_id, at, expires_at, reply_to, correlation_id)
    try:
        found = find(task, TASKS)
        checked = found.check(payload)
        stack = target.stack_as_it_is()
        queue_url = url_of(stack, found.queue if queue is None else queue)
        _check(reply_to, stack, queue_url)
        if at is not None or delay_seconds > MAX_DELAY_SECONDS:
            options, due = planned(options, queue_url, time())
            if due is not None:
                return _scheduled(target, stack, task, checked, options, due, queue_url)
        return _sent(target, stack, task, checked, options, queue_url)
    except (NoSuchTaskError, BrokenTaskError, BadPayloadError, PayloadTooLargeError) as error:
        raise OperateError(str(error), Kind.BAD_PAYLOAD) from error
    except SendError as error:
        raise OperateError(str(error), Kind.WRONG) from error
    except QueueError as error:
        raise OperateError(str(send_error("queue", error.meaning, error))) from error


def _check(reply_to: str | None, stack: Stack, queue_url: str) -> None:
    """Raises OperateError if the stack's worker would refuse the message for that address of its reply."""
    known = stack.parameters.get("ReplyTo")
    if reply_to is None or known is None or queue_url not in [one.url for one in queues_of(stack).values()]:
        return
    replies = known.split(",") if known else []
    if allowed(reply_to, replies) is None:
        names = ", ".join(arn.rpartition(":")[2] for arn in replies) or "none"
        said = (
            f"the stack may not reply to {reply_to!r}: its parameter ReplyTo must name it, and names {names}"
        )
        raise OperateError(said, Kind.WRONG)


def _sent(
    target: Target, stack: Stack, task: str, payload: Mapping[str, Any], options: Options, queue_url: str
) -> Sent:
    """Sends the message. Raises the errors of `zigzag.send.compose`, or QueueError."""
    message = compose(task, payload, options, queue_url, bucket=bucket_of(target, stack))
    transport = BotoTransport(attempts=1, clients={"sqs": target.client("sqs")})
    return Sent(run_in_place(SqsQueue(transport, queue_url).send(message)), queue_url)


def bucket_of(target: Target, stack: Stack) -> S3Objects | None:
    """Returns the stack's bucket for large payloads, or None if it has none."""
    name = stack.outputs.get("LargeBucketName")
    return S3Objects(name, client=target.client("s3")) if name else None


def _scheduled(
    target: Target,
    stack: Stack,
    task: str,
    payload: Mapping[str, Any],
    options: Options,
    due: int,
    queue_url: str,
) -> SentLater:
    """Makes the schedule. Raises the errors of `zigzag.send.put`."""
    found = {"ZIGZAG_SCHEDULER": "Scheduler", "ZIGZAG_QUEUE_URL": "QueueUrl", "ZIGZAG_QUEUES": "Queues"}
    known = {variable: stack.outputs.get(output, "") for variable, output in found.items()}
    transport = BotoTransport(attempts=1, clients={"scheduler": target.client("scheduler")})
    scheduler = AwsScheduler(None, region_of(queue_url), known, transport)
    encode(task, payload, id=options.id)  # refuses what S3 would not keep so long
    message = compose(task, payload, options, queue_url)
    id = schedule(task, options, due, queue_url, message, scheduler)
    return SentLater(id, at_expression(due)[3:-1], queue_url)


def url_of(stack: Stack, queue: str | None) -> str:
    """Returns the URL of the stack's queue with this name; None is the first one. Raises OperateError."""
    return queue if is_url(queue) else named(stack, DEFAULT if queue is None else queue).url
