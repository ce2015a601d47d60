"""A delivery, and its way from the consumer to the worker as an event.

A delivery is one receive of a message: the message as ReceiveMessage gave it, its queue, and the lease. It
travels as the worker's event, JSON in UTF-8:

    {"QueueUrl": "https://sqs…", "Message": {"MessageId": …, "ReceiptHandle": …, "Body": …,
     "Attributes": {…}, "MessageAttributes": {…}}, "Lease": {"ReceivedAt": …, "StartBy": …, "Ends": …}}

Anybody can make one. Only `Message.Body` is required; unknown keys are ignored. Binary attribute values are
base64, as the AWS command line prints them. A batch of several deliveries has `"Messages": […]` in place of
`"Message"`, and one lease. In an event that would be too long, `"BodyGzip"` (in base64) replaces `"Body"`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from shared import envelope
from shared.lease import Lease
from shared.trace import root_and_sampled

MAX_EVENT_BYTES = 1_000_000
"""The largest event we dispatch. Lambda takes "1 MB" by an asynchronous invoke, in its smaller meaning surely
(https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""

MAX_BATCH_SIZE = 10
"""The most messages of one receive
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html)."""

_END_OF_TIME = 253_402_300_800  # the year 10000, which a datetime can't hold


class BadEventError(ValueError):
    """The worker's event is no dispatch. The text says what is wrong."""


class Delivery:
    """One receive of a message.

    message           -- the message as ReceiveMessage gave it; binary values are bytes.
    system            -- its system attributes, such as SentTimestamp.
    queue_url         -- the URL of its queue; None in a hand-made event, which then settles nothing.
    lease             -- its lease; None in a hand-made event, which counts as on time.
    attributes        -- message attributes, each `{"DataType": …, "StringValue" or "BinaryValue": …}`.
    group             -- a FIFO queue's message has one, a standard queue's may.
    from_fifo         -- whether it came from a FIFO queue.
    sent_at           -- when SQS took the message, in epoch seconds; None in most hand-made events.
    first_received_at -- when SQS first delivered it, as `sent_at`.
    receive_count     -- SQS's count of the message's deliveries, this one included. It is approximate.
    can_be_settled    -- whether the message is on a queue, and its receipt handle is known.
    """

    __slots__ = (
        "can_be_settled",
        "first_received_at",
        "from_fifo",
        "group",
        "lease",
        "message",
        "message_id",
        "queue_url",
        "receipt_handle",
        "receive_count",
        "sent_at",
        "system",
    )

    def __init__(
        self, message: Mapping[str, Any], queue_url: str | None = None, lease: Lease | None = None
    ) -> None:
        self.message = message
        self.queue_url = queue_url
        self.lease = lease
        self.message_id = str(message.get("MessageId", "unknown"))
        self.receipt_handle: str | None = message.get("ReceiptHandle")
        self.system: Mapping[str, str] = message.get("Attributes") or {}
        self.group = self.system.get("MessageGroupId")
        self.from_fifo = "MessageDeduplicationId" in self.system
        self.sent_at = _seconds(self.system.get("SentTimestamp"))
        self.first_received_at = _seconds(self.system.get("ApproximateFirstReceiveTimestamp"))
        self.receive_count = int(self.system.get("ApproximateReceiveCount") or 1)
        self.can_be_settled = queue_url is not None and self.receipt_handle is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Delivery):
            return NotImplemented
        return (self.message, self.queue_url, self.lease) == (other.message, other.queue_url, other.lease)

    def __repr__(self) -> str:
        return f"Delivery({self.message!r}, {self.queue_url!r}, {self.lease!r})"

    @property
    def body(self) -> str:
        return str(self.message["Body"])

    @property
    def attributes(self) -> Mapping[str, Mapping[str, Any]]:
        return self.message.get("MessageAttributes") or {}

    def read_once(self) -> Delivery:
        """Returns the delivery with all texts read: a large message would parse them at each read."""
        return Delivery(dict(self.message), self.queue_url, self.lease)

    @property
    def received_at(self) -> float | None:
        """The time of this delivery; without a lease, as with an event source, that of the first one."""
        return self.first_received_at if self.lease is None else self.lease.received_at

    @property
    def trace_header(self) -> str | None:
        return root_and_sampled(self.system.get("AWSTraceHeader"))


def _seconds(milliseconds: str | None) -> float | None:
    return None if milliseconds is None else int(milliseconds) / 1000


class Batch:
    """A batch, which one dispatch carries: 1 to 10 deliveries of one receive, in the order received.

    ordered        -- whether their order matters, as they are from a FIFO queue.
    can_be_settled -- whether all its messages are on a queue.
    """

    __slots__ = ("can_be_settled", "deliveries", "lease", "ordered", "queue_url")

    def __init__(self, deliveries: tuple[Delivery, ...]) -> None:
        self.deliveries = deliveries
        self.queue_url = deliveries[0].queue_url
        self.lease = deliveries[0].lease
        self.ordered = True in [delivery.from_fifo for delivery in deliveries]
        self.can_be_settled = False not in [delivery.can_be_settled for delivery in deliveries]

    def __eq__(self, other: object) -> bool:
        return self.deliveries == other.deliveries if isinstance(other, Batch) else NotImplemented


def to_event(batch: Batch) -> bytes:
    """Returns the worker's event, which is longer than MAX_EVENT_BYTES if it can't be compressed enough."""
    number, event = longest_event(batch.deliveries)
    if number == len(batch.deliveries):
        return event
    return _event(batch.deliveries, envelope.plain(*[delivery.message for delivery in batch.deliveries]))


def longest_event(deliveries: Sequence[Delivery], max_bytes: int = MAX_EVENT_BYTES) -> tuple[int, bytes]:
    """Returns how many deliveries, from the first one on, fit an event of `max_bytes`, and that event.

    If not even the first one fits, returns its shortest event within MAX_EVENT_BYTES; else 0. Never parses a
    body. Raises one of envelope.UNWRITABLE.
    """
    messages = [delivery.message for delivery in deliveries]
    if {type(message) for message in messages} == {dict}:  # not large: most events have all
        event = _event(deliveries, envelope.plain(*messages))
        if len(event) <= max_bytes:
            return len(messages), event
    elif len(deliveries) == 1:
        deliveries = [deliveries[0].read_once()]
    plain = _longest(deliveries, envelope.plain, max_bytes)
    if plain[0] == len(deliveries):
        return plain
    found = max(plain, _longest(deliveries, envelope.compressed, max_bytes), key=lambda one: one[0])
    if found[0] or max_bytes == MAX_EVENT_BYTES:
        return found
    alone = [_longest(deliveries[:1], how, MAX_EVENT_BYTES) for how in (envelope.plain, envelope.compressed)]
    return min((one for one in alone if one[0]), key=lambda one: len(one[1]), default=found)


def _longest(
    deliveries: Sequence[Delivery], written: Callable[[Mapping[str, Any]], bytes], max_bytes: int
) -> tuple[int, bytes]:
    left = max_bytes - len(_event(deliveries, b""))
    messages: list[bytes] = []
    for delivery in deliveries:
        message = written(delivery.message)
        left -= len(message) + len(b",")
        if left < 0 and (messages or len(_event(deliveries[:1], message)) > max_bytes):
            break
        messages.append(message)
    return len(messages), _event(deliveries[: len(messages)], b",".join(messages)) if messages else b""


def _event(deliveries: Sequence[Delivery], messages: bytes) -> bytes:
    before, after = _around(deliveries[0].queue_url, deliveries[0].lease)
    if len(deliveries) == 1:
        return b'%b"Message":%b%b' % (before, messages, after)
    return b'%b"Messages":[%b]%b' % (before, messages, after)


@lru_cache(maxsize=16)  # the messages of a poll share it
def _around(queue_url: str | None, lease: Lease | None) -> tuple[bytes, bytes]:
    after = b"}" if lease is None else b',"Lease":%b}' % envelope.to_json(lease.to_json())
    return b'{"QueueUrl":%b,' % envelope.to_json(queue_url), after


def from_event(event: Any) -> Batch:
    """Returns the batch in the worker's event. Raises BadEventError."""
    messages = _messages_in(event)
    if not 1 <= len(messages) <= MAX_BATCH_SIZE or not all(map(envelope.has_body, messages)):
        raise BadEventError(
            'the event is no dispatch: it needs {"Message": {"Body": "…"}}, as in events/worker-dispatch.json'
            f", or `Messages`, a list of 1 to {MAX_BATCH_SIZE} such messages"
        )
    try:
        url = event.get("QueueUrl")
        if url is not None:
            envelope.text(url, "`QueueUrl`")
        lease = _lease_in(event)
        batch = Batch(tuple(Delivery(envelope.read(message), url, lease) for message in messages))
        _check(batch)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise BadEventError(f"the event is no dispatch: {what}") from error
    return batch


def _messages_in(event: Any) -> list[Any]:
    """Returns the messages of the event; [] if it has none, or both `Message` and `Messages`."""
    if not isinstance(event, dict):
        return []
    one, several = event.get("Message"), event.get("Messages")
    if several is None:
        return [one]
    return several if one is None and isinstance(several, list) else []


def _lease_in(event: Mapping[str, Any]) -> Lease | None:
    if event.get("Lease") is None:
        return None
    lease = Lease.from_json(event["Lease"])
    if not all(map(math.isfinite, (lease.received_at, lease.start_by, lease.ends))):
        raise ValueError("a time of its lease is no number")  # it would never be late
    return lease


def _check(batch: Batch) -> None:
    """Raises ValueError or OverflowError if only some messages can be settled, as they share one lease, or if
    the counts of SQS are impossible."""
    if not batch.can_be_settled and any(delivery.can_be_settled for delivery in batch.deliveries):
        raise ValueError("some of its messages have a `ReceiptHandle` and some have none")
    for delivery in batch.deliveries:
        times = [time for time in (delivery.sent_at, delivery.first_received_at) if time is not None]
        if delivery.receive_count < 0 or not all(0 <= time < _END_OF_TIME for time in times):
            raise ValueError("its receive count or a time of it can't be true")
