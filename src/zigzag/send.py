"""Checks a message and puts it on the queue, from Python.

    {"task": "resize_image", "payload": {…}, "id": "…"}

A producer needs none of this: `aws sqs send-message` with such a body does the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.delivery import MAX_EVENT_BYTES
from shared.ports.queue import MAX_DELAY_SECONDS, REFUSED_CHARACTERS, AlteredError, Outgoing, QueueError
from shared.ports.workers import Meaning
from shared.queues import is_fifo
from zigzag.aws import identity, queue_at, region_of, scheduler_for
from zigzag.body import BadMessageError, expiry, read, reply_of, task_id, task_name
from zigzag.errors import STORE_IT, BadPayloadError, PayloadTooLargeError, SendError
from zigzag.in_place import run_in_place
from zigzag.outbox import sending_to as sending_to
from zigzag.outbox import standing_in, url_of
from zigzag.sendable import carried, expiry_of, traced_by_x_ray

if TYPE_CHECKING:
    from datetime import datetime

    from shared.ports.objects import Objects

ENVELOPE_BYTES = 10_000
"""Bytes that the worker's event may add to the body: receipt handle, system attributes, lease."""

_FIFO_ID = "[!-~]{1,128}"
"""The pattern of a group or a deduplication id that SQS accepts: ASCII's letters, digits and punctuation
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""


class Options(NamedTuple):
    """The options of a message. `Task.send` explains them."""

    id: str | None = None
    delay_seconds: int = 0
    group: str | None = None
    deduplication_id: str | None = None
    at: datetime | None = None
    expires_at: datetime | None = None
    reply_to: str | None = None
    correlation_id: str | None = None


# Compiled at the first use, not at each cold start of a worker.
_TOO_LARGE = r"Message must be shorter than (\d+) bytes"
"""SQS's text for a message over its queue's MaximumMessageSize. The error's code is only
InvalidParameterValue."""


def encode(
    task: str,
    payload: Mapping[str, Any],
    *,
    id: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Writes the body of a message. Raises BadPayloadError, PayloadTooLargeError, or SendError."""
    body = _written(task, payload, Options(id, expires_at=expires_at))
    if why := _too_large(task, body):
        raise PayloadTooLargeError(f"{why}: {STORE_IT}")
    return body


def _too_large(task: str, body: str) -> str:
    """Returns why the message fits no dispatch, or ''."""
    # The worker's event escapes the body once more, so quotes and backslashes count twice.
    escaped, most = len(json.dumps(body, ensure_ascii=False).encode()), MAX_EVENT_BYTES - ENVELOPE_BYTES
    if escaped <= most:
        return ""
    return f"the message for {task} takes {escaped:,} bytes; at most {most:,} fit an asynchronous invoke"


def _written(
    task: str, payload: Mapping[str, Any], options: Options, more: Mapping[str, Any] | None = None
) -> str:
    if options.id == "":
        raise SendError("`id` is empty; leave it out, and the MessageId is the task's id")
    if options.correlation_id is not None and options.reply_to is None:
        raise SendError("correlation_id is for a reply: give reply_to as well, or leave it out")
    message: dict[str, Any] = {"task": task, "payload": payload}
    texts = {"id": options.id, "reply_to": options.reply_to, "correlation_id": options.correlation_id}
    message |= {name: text for name, text in texts.items() if text is not None}
    if options.expires_at is not None:
        message["expires_at"] = expiry_of(options.expires_at, options.delay_seconds)
    if options.delay_seconds:
        message["delay_seconds"] = options.delay_seconds  # SQS does not tell the worker
    try:
        separators = None if more is None else (",", ":")  # a repair should be no larger than what failed
        message |= more or {}
        body = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=separators)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadPayloadError(f"the payload for {task} can't be written as JSON: {error}") from error
    if re.search(REFUSED_CHARACTERS, body):
        body = json.dumps(message)  # all ASCII: no character that SQS refuses
    _check_as_the_worker_does(body)
    return body


def _check_as_the_worker_does(body: str) -> None:
    """Raises BadPayloadError if the worker would make the message a dead letter, whatever its task."""
    try:
        message = read(body)
        task_name(message["task"])
        task_id(message.get("id", "the MessageId"))
        expiry(message.get("expires_at"))
        reply_of(message)
    except BadMessageError as error:
        raise BadPayloadError(f"the worker would refuse the message: {error}") from None


def compose(
    task: str,
    payload: Mapping[str, Any],
    options: Options,
    queue_url: str,
    more: Mapping[str, Any] | None = None,
    bucket: Objects | None = None,
) -> Outgoing:
    """Returns the message for the queue of `queue_url`; the body of one that fits no dispatch is put into a
    bucket before. Raises the errors of `encode`, or SendError.

    more   -- further keys of the body, for the task that repairs another one, or that follows it.
    bucket -- that bucket; without it, the one that ZIGZAG_LARGE_BUCKET names.
    """
    message = _message(task, payload, options, queue_url, more)
    if not (why := _too_large(task, message.body)):
        return message
    from zigzag.extra.large import bucket_for, offloaded  # few messages are large

    bucket = bucket or bucket_for(identity(), region_of(queue_url))
    return offloaded(task, message, queue_url, bucket, why)


def _message(
    task: str,
    payload: Mapping[str, Any],
    options: Options,
    queue_url: str,
    more: Mapping[str, Any] | None = None,
) -> Outgoing:
    fifo = is_fifo(queue_url)
    _check(options, fifo=fifo)
    body = _written(task, payload, options, more)
    deduplication_id = options.deduplication_id
    if fifo and deduplication_id is None and options.id is not None:
        deduplication_id = _deduplication_id(task, options.id)
    group, delay = options.group, options.delay_seconds
    return Outgoing(body, carried(), group, deduplication_id, traced_by_x_ray(), delay)


def _check(options: Options, *, fifo: bool) -> None:
    """Raises SendError if the queue would refuse an option, or understand it differently."""
    _check_delay(options.delay_seconds)
    if not 0 <= options.delay_seconds <= MAX_DELAY_SECONDS:
        raise SendError(f"delay_seconds is {options.delay_seconds}; SQS takes 0 to {MAX_DELAY_SECONDS}")
    for name, value in (("group", options.group), ("deduplication_id", options.deduplication_id)):
        if value is not None and not (isinstance(value, str) and re.fullmatch(_FIFO_ID, value)):
            raise SendError(f"{name} may be 1 to 128 of ASCII's letters, digits and punctuation, no spaces")
    if fifo and options.group is None:
        raise SendError(
            "the queue is FIFO, and the message has no group; name one, such as a customer's number: "
            "tasks of one group run one after the other, in the order sent"
        )
    if fifo and options.delay_seconds:
        raise SendError(
            "the queue is FIFO, and takes no delay_seconds: SQS delays such a queue as a whole, "
            "and no single message; leave it out"
        )
    if not fifo and options.deduplication_id is not None:
        raise SendError("the queue is not FIFO, and takes no deduplication_id; leave it out")


def _check_delay(seconds: Any) -> None:
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise SendError(
            f"delay_seconds is {repr(seconds)[:50]}; it must be a whole number of seconds, such as 60"
        )


def _deduplication_id(task: str, id: str) -> str:
    """Returns an id that names the task as well: SQS must not drop another task with the same id."""
    text = f"{task}:{id}"
    if re.fullmatch(_FIFO_ID, text):
        return text
    return hashlib.sha256(text.encode()).hexdigest()


def put(task: str, payload: Mapping[str, Any], options: Options, queue: str | None = None) -> str:
    """Sends a message and returns its MessageId, or schedules it and returns the task's id. Raises the errors
    of `compose`, SendError, or AlreadyScheduledError.

    queue -- the name or the URL of the queue; None is the stack's first one.
    """
    _check_delay(options.delay_seconds)
    outbox = standing_in(queue)
    url = url_of(queue) if outbox is None else outbox.url
    if options.at is not None or options.delay_seconds > MAX_DELAY_SECONDS:
        from zigzag.extra import schedules  # few messages are for later

        scheduler = scheduler_for(url)
        options, at = schedules.planned(options, url, scheduler.now())
        if at is not None:
            message = _message(task, payload, options, url)  # S3 would not keep a large one so long
            return schedules.schedule(task, options, at, url, message, scheduler)
    message = compose(task, payload, options, url)
    try:
        return run_in_place((queue_at(url) if outbox is None else outbox).send(message))
    except AlteredError as error:
        raise SendError(error.reason) from error
    except QueueError as error:
        if limit := re.search(_TOO_LARGE, error.reason):
            raise PayloadTooLargeError(
                f"the message for {task} is too large for the queue, whose MaximumMessageSize is "
                f"{int(limit[1]):,} bytes: {STORE_IT}"
            ) from error
        raise send_error("queue", error.meaning, error) from error


def send_error(where: str, meaning: Meaning, error: Exception) -> SendError:
    """Returns the error of a message that was refused, or may be there, as the answer was lost."""
    did = "may have" if meaning is Meaning.AMBIGUOUS else "refused"
    return SendError(f"the {where} {did} the message: {error}")
