"""How does a message get onto the queue from Python?

    {"task": "resize_image", "payload": {…}, "id": "…"}

A producer needs none of this: `aws sqs send-message` with such a body does the same.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from shared.delivery import MOST_EVENT_BYTES
from shared.ports import LONGEST_DELAY_SECONDS, REFUSED_CHARACTERS, Outgoing, QueueError
from zigzag.errors import BadPayloadError, PayloadTooLargeError, SendError
from zigzag.in_place import run_in_place

ROOM_FOR_ENVELOPE_BYTES = 10_000
"""What Zigzag's event adds to the body: receipt handle, system attributes, lease."""


class Outbox(Protocol):
    """Where messages are put: a queue, or what stands for one in a test."""

    def send(self, message: Outgoing) -> Coroutine[Any, Any, str]: ...


_outbox: ContextVar[Outbox | None] = ContextVar("outbox", default=None)


@contextmanager
def sending_to(outbox: Outbox) -> Iterator[None]:
    """Within it, tasks are sent to `outbox` and not to AWS."""
    token = _outbox.set(outbox)
    try:
        yield
    finally:
        _outbox.reset(token)


def encode(task: str, payload: Mapping[str, Any], *, id: str | None = None) -> str:
    """The body of a message. Raises BadPayloadError, PayloadTooLargeError, or SendError."""
    if id == "":
        raise SendError("`id` is empty; leave it out, and the MessageId is the task's id")
    message: dict[str, Any] = {"task": task, "payload": payload}
    if id is not None:
        message["id"] = id
    try:
        body = json.dumps(message, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadPayloadError(f"the payload for {task} can't be written as JSON: {error}") from error
    if REFUSED_CHARACTERS.search(body):
        body = json.dumps(message)  # all ASCII: nothing in it that SQS refuses
    # Escaped once more in the worker's event, where quotes and backslashes count twice.
    escaped = len(json.dumps(body, ensure_ascii=False).encode())
    if escaped > MOST_EVENT_BYTES - ROOM_FOR_ENVELOPE_BYTES:
        raise PayloadTooLargeError(
            f"the message for {task} takes {escaped:,} bytes; at most "
            f"{MOST_EVENT_BYTES - ROOM_FOR_ENVELOPE_BYTES:,} fit an asynchronous invoke: "
            "send what is large to S3 and put its key in the payload"
        )
    return body


def put(body: str, *, delay_seconds: int = 0) -> str:
    """Sends the body to the queue; its MessageId. Raises SendError."""
    if not 0 <= delay_seconds <= LONGEST_DELAY_SECONDS:
        raise SendError(f"delay_seconds is {delay_seconds}; SQS takes 0 to {LONGEST_DELAY_SECONDS}")
    try:
        outbox = _outbox.get()
        if outbox is None:
            outbox = _queue(os.environ.get("ZIGZAG_QUEUE_URL", ""))
        return run_in_place(outbox.send(Outgoing(body, delay_seconds=delay_seconds)))
    except QueueError as error:
        raise SendError(f"the queue refused the message: {error}") from error


@functools.cache
def _queue(url: str) -> Outbox:
    if not url:
        raise SendError("ZIGZAG_QUEUE_URL is not set; it may be the QueueUrl that `sam deploy` printed")
    # boto3 is loaded by those who send, and by nobody else.
    from shared.aws.clients import sqs_client
    from shared.aws.sqs_queue import SqsQueue

    return SqsQueue(sqs_client(attempts=3), url)
