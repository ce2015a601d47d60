"""Publishes a task on a topic of SNS: each queue that subscribes gets it.

The message is the one that `send` writes, with an id in any case. A queue subscribes raw, so that the message
comes as it is, and filtered by the body's `task`.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shared.aws.transport import CallError, meaning
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Meaning
from shared.queues import is_fifo
from zigzag import send
from zigzag.aws import identity
from zigzag.errors import STORE_IT, PayloadTooLargeError, SendError
from zigzag.in_place import run_in_place
from zigzag.outbox import Outbox, standing_in, subscribes

if TYPE_CHECKING:
    from shared.aws.boto import BotoTransport

ATTEMPTS = 3
"""Most times that a call is sent. After a lost answer there may be two messages, with one id."""

_ARN = r"arn:[\w-]+:sns:([\w-]+):\d{12}:[\w-]{1,256}"


def put(task: str, payload: Mapping[str, Any], id: str | None, topic: str | None) -> str:
    """Publishes a message and returns the task's id. Raises the errors of `Handle.publish`.

    id    -- the task's; without one it is a new UUID. By the MessageId, which each subscriber has another of,
             nobody could tell what SNS delivered twice.
    topic -- the topic's ARN; None is the stack's.
    """
    chosen = str(uuid4()) if id is None else id
    body = send.encode(task, payload, id=chosen)
    outbox = standing_in(None)
    if outbox is not None:
        _deliver(outbox, task, body)
        return chosen
    arn = os.environ.get("ZIGZAG_TOPIC_ARN") if topic is None else topic
    if topic is None and not arn:
        raise SendError(
            "ZIGZAG_TOPIC_ARN is not set; it may be the output TopicArn of a stack with Topic=own"
        )
    if not isinstance(arn, str) or not (found := re.fullmatch(_ARN, arn)):
        raise SendError(
            "the topic is none that can be published on; it may be the ARN of a standard topic of SNS"
        )
    try:
        run_in_place(_transport(found[1]).call("sns", "Publish", {"TopicArn": arn, "Message": body}))
    except CallError as error:
        if error.code.startswith("InvalidParameter") and "too long" in error.reason:
            raise PayloadTooLargeError(
                f"the message for {task} is too large for the topic, which takes 256 KiB unless it has a "
                f"MaximumMessageSize: {STORE_IT}"
            ) from error
        raise send.send_error("topic", meaning(error, broken=Meaning.AMBIGUOUS), error) from error
    return chosen


def _deliver(outbox: Outbox, task: str, body: str) -> None:
    """Delivers as SNS does, where a sandbox stands in for it: to the first queue, if it subscribes."""
    if is_fifo(outbox.url):
        raise SendError("the first queue is FIFO, to which a standard topic can't deliver: send instead")
    if not subscribes(task):
        return
    try:
        run_in_place(outbox.send(Outgoing(body)))
    except QueueError as error:
        raise SendError(f"the queue refused the message: {error}") from error


@functools.cache
def _transport(region: str) -> BotoTransport:
    from shared.aws.boto import BotoTransport  # a sandbox does without boto3

    return BotoTransport(attempts=ATTEMPTS, identity=identity(), region=region)
