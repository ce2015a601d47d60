"""Sending from Python: checks a message and puts it on the queue.

    {"task": "resize_image", "payload": {…}, "id": "…"}

A producer needs none of this: `aws sqs send-message` with such a body does the same.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol

from shared.aws.identity import Identity
from shared.delivery import MAX_EVENT_BYTES
from shared.ports.queue import MAX_DELAY_SECONDS, REFUSED_CHARACTERS, AlteredError, Outgoing, QueueError
from shared.queues import is_fifo
from zigzag.errors import BadPayloadError, PayloadTooLargeError, SendError
from zigzag.in_place import run_in_place
from zigzag.values import Value

ENVELOPE_BYTES = 10_000
"""Room for all that Zigzag's event adds to the body: receipt handle, system attributes, lease."""

_FIFO_ID = "[!-~]{1,128}"
"""A group or a deduplication id, as SQS takes it: ASCII's letters, digits and punctuation
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""


class Options(Value):
    """The options of a message; `Task.send` explains them."""

    __match_args__ = ("id", "delay_seconds", "group", "deduplication_id")

    def __init__(
        self,
        id: str | None = None,
        delay_seconds: int = 0,
        group: str | None = None,
        deduplication_id: str | None = None,
    ) -> None:
        self.id: Final = id
        self.delay_seconds: Final = delay_seconds
        self.group: Final = group
        self.deduplication_id: Final = deduplication_id


class Sender(Protocol):
    """Takes a message, and answers with its MessageId."""

    def send(self, message: Outgoing) -> Coroutine[Any, Any, str]: ...


class Outbox(Sender, Protocol):
    """Stands for a queue in a test. If it is FIFO, its `url` ends in .fifo, as with SQS."""

    @property
    def url(self) -> str: ...


_TOO_LARGE = re.compile(r"Message must be shorter than (\d+) bytes")
"""SQS's words for a message over its queue's MaximumMessageSize; its code is only InvalidParameterValue."""

_REGION = re.compile(
    r"https://sqs(?:-fips)?\.([a-z]+(?:-[a-z]+)+-\d+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)/", re.I
)
"""The region in a queue's URL: only there is the queue, wherever its producer is
(https://docs.aws.amazon.com/general/latest/gr/sqs-service.html)."""

_outbox: ContextVar[tuple[Outbox, int] | None] = ContextVar("outbox", default=None)
"""And the process that it is of: a forked child has a copy, in which a message would be lost."""
_open: list[tuple[Outbox, int]] = []
"""Every outbox that is sent to now. A thread of a pool has a context of its own, in which none is set."""


_identity: Identity | None = None
"""Whose sends those to AWS are. A producer's are its process's, as it is at its first send to a queue."""


def send_as(identity: Identity) -> None:
    """From now on, sends are the function's: its tasks may change variables for calls of their own."""
    global _identity
    _identity = identity
    _queue.cache_clear()


@contextmanager
def sending_to(outbox: Outbox) -> Iterator[None]:
    """Sends tasks to `outbox` and not to AWS, within a `with` block; those of other threads, too."""
    here = outbox, os.getpid()
    token = _outbox.set(here)
    _open.append(here)
    try:
        yield
    finally:
        _open.remove(here)
        _outbox.reset(token)


def _standing_in() -> Outbox | None:
    """What stands for the queue; None is AWS. Raises SendError where this thread or process has no say."""
    here = _outbox.get()
    if here is None and len(_open) > 1:
        raise SendError(
            "more than one sandbox is open, and this thread says not which: start it with "
            "`contextvars.copy_context().run`, or close the others"
        )
    outbox, process = here or next(iter(_open), (None, os.getpid()))
    if process != os.getpid():
        raise SendError("this process was forked within a test's sandbox, which its parent has; send there")
    return outbox


def encode(task: str, payload: Mapping[str, Any], *, id: str | None = None) -> str:
    """Writes the body of a message. Raises BadPayloadError, PayloadTooLargeError, or SendError."""
    if id == "":
        raise SendError("`id` is empty; leave it out, and the MessageId is the task's id")
    message: dict[str, Any] = {"task": task, "payload": payload}
    if id is not None:
        message["id"] = id
    try:
        body = json.dumps(message, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadPayloadError(f"the payload for {task} can't be written as JSON: {error}") from error
    if re.search(REFUSED_CHARACTERS, body):
        body = json.dumps(message)  # all ASCII: nothing in it that SQS refuses
    # Escaped once more in the worker's event, where quotes and backslashes count twice.
    escaped = len(json.dumps(body, ensure_ascii=False).encode())
    if escaped > MAX_EVENT_BYTES - ENVELOPE_BYTES:
        raise PayloadTooLargeError(
            f"the message for {task} takes {escaped:,} bytes; at most "
            f"{MAX_EVENT_BYTES - ENVELOPE_BYTES:,} fit an asynchronous invoke: "
            "send what is large to S3 and put its key in the payload"
        )
    return body


def compose(task: str, payload: Mapping[str, Any], options: Options, queue_url: str) -> Outgoing:
    """Makes the message that the queue of `queue_url` takes. Raises as `encode` does, or SendError."""
    body = encode(task, payload, id=options.id)
    fifo = is_fifo(queue_url)
    _check(options, fifo=fifo)
    deduplication_id = options.deduplication_id
    if fifo and deduplication_id is None and options.id is not None:
        deduplication_id = _deduplication_id(task, options.id)
    return Outgoing(
        body,
        group=options.group,
        deduplication_id=deduplication_id,
        delay_seconds=options.delay_seconds,
    )


def _check(options: Options, *, fifo: bool) -> None:
    """Raises SendError if the queue would refuse the options, or misread one."""
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
        raise SendError("the queue is no FIFO queue, and takes no deduplication_id; leave it out")


def _deduplication_id(task: str, id: str) -> str:
    """Names the task as well: another task of the same id and group must not be lost."""
    text = f"{task}:{id}"
    if re.fullmatch(_FIFO_ID, text):
        return text
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def put(task: str, payload: Mapping[str, Any], options: Options) -> str:
    """Sends a message to the queue; its MessageId. Raises as `compose` does, or SendError."""
    outbox = _standing_in()
    url = _queue_url() if outbox is None else outbox.url
    message = compose(task, payload, options, url)
    try:
        return run_in_place((_queue(url) if outbox is None else outbox).send(message))
    except AlteredError as error:
        raise SendError(error.reason) from error
    except QueueError as error:
        if limit := _TOO_LARGE.search(error.reason):
            raise PayloadTooLargeError(
                f"the message for {task} is too large for the queue, whose MaximumMessageSize is "
                f"{int(limit[1]):,} bytes: send what is large to S3 and put its key in the payload"
            ) from error
        raise SendError(f"the queue refused the message: {error}") from error


def _queue_url() -> str:
    url = os.environ.get("ZIGZAG_QUEUE_URL")
    if not url:
        raise SendError("ZIGZAG_QUEUE_URL is not set; it may be the QueueUrl that `sam deploy` printed")
    return url


@functools.cache
def _queue(url: str) -> Sender:
    # Loaded at the first send. boto's is the default; Zigzag's own functions name theirs.
    from shared.aws.choice import BOTO, transport_in_place
    from shared.aws.sqs_queue import SqsQueue

    variables = os.environ if _identity is None else _identity.variables
    wanted = variables.get("ZIGZAG_TRANSPORT", BOTO)
    named = _REGION.match(url)
    region = named[1].lower() if named else None
    return SqsQueue(transport_in_place(wanted, attempts=3, identity=_identity, region=region), url)
