"""What is a delivery, and how does it travel from the consumer to the worker?

A delivery is one receive of a message: the message as ReceiveMessage gave it, the queue it came
from, and the lease. It travels as the worker's event, JSON in UTF-8:

    {"QueueUrl": "https://sqs…", "Message": {"MessageId": …, "ReceiptHandle": …, "Body": …,
     "Attributes": {…}, "MessageAttributes": {…}}, "Lease": {"ReceivedAt": …, "StartBy": …, "Ends": …}}

so that any consumer, or a person with a file, can make one. Only `Message.Body` must be there;
unknown keys are ignored. Binary attribute values are base64, as the AWS command line prints them.

A batch of several deliveries has `"Messages": […]` in place of `"Message"`; the lease is that of all.
Where the event would be too long, each message has `"BodyGzip"` in place of `"Body"`: gzip, in base64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from shared import envelope
from shared.lease import Lease

MAX_EVENT_BYTES = 1_000_000
"""The largest event we dispatch. Lambda's limit for asynchronous invokes is "1 MB", and its
documentation does not say which: the smaller reading is safe
(https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""

_END_OF_TIME = 253_402_300_800
"""The year 10000: more than a datetime can hold."""

MAX_BATCH_SIZE = 10
"""As many as one receive brings
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html)."""


class BadEventError(ValueError):
    """The worker's event is no dispatch; the message says what is wrong with it."""


class Delivery(NamedTuple):
    """One receive of a message.

    message   -- as ReceiveMessage gave it; binary values are bytes.
    queue_url -- where it came from; None in a hand-made event, which then settles nothing.
    lease     -- None in a hand-made event, which counts as on time.
    """

    message: Mapping[str, Any]
    queue_url: str | None = None
    lease: Lease | None = None

    @property
    def body(self) -> str:
        return str(self.message["Body"])

    @property
    def message_id(self) -> str:
        return str(self.message.get("MessageId", "unknown"))

    @property
    def receipt_handle(self) -> str | None:
        return self.message.get("ReceiptHandle")

    @property
    def attributes(self) -> Mapping[str, Mapping[str, Any]]:
        """The producer's message attributes, each `{"DataType": …, "StringValue" or "BinaryValue": …}`."""
        return self.message.get("MessageAttributes") or {}

    @property
    def receive_count(self) -> int:
        """How often SQS has handed the message out, this time included. A hint, says SQS: it can lag."""
        return int(self._system("ApproximateReceiveCount") or 1)

    @property
    def sent_at(self) -> float | None:
        """When SQS took the message, in epoch seconds."""
        milliseconds = self._system("SentTimestamp")
        return None if milliseconds is None else int(milliseconds) / 1000

    @property
    def group(self) -> str | None:
        return self._system("MessageGroupId")

    @property
    def trace_header(self) -> str | None:
        return self._system("AWSTraceHeader")

    @property
    def from_fifo(self) -> bool:
        return self._system("MessageDeduplicationId") is not None

    @property
    def can_be_settled(self) -> bool:
        return self.queue_url is not None and self.receipt_handle is not None

    def _system(self, name: str) -> str | None:
        return (self.message.get("Attributes") or {}).get(name)


class Batch(NamedTuple):
    """What one dispatch carries: 1 to 10 deliveries of one receive, in the order received."""

    deliveries: tuple[Delivery, ...]

    @property
    def ordered(self) -> bool:
        """Whether their order counts: they are from a FIFO queue."""
        return any(delivery.from_fifo for delivery in self.deliveries)

    @property
    def lease(self) -> Lease | None:
        return self.deliveries[0].lease

    @property
    def queue_url(self) -> str | None:
        return self.deliveries[0].queue_url


def to_event(batch: Batch) -> bytes:
    """The batch as the worker's event; longer than MAX_EVENT_BYTES if it does not fit compressed, either."""
    number, event = longest_event(batch.deliveries)
    if number == len(batch.deliveries):
        return event
    return _event(batch.deliveries[0], [envelope.plain(delivery.message) for delivery in batch.deliveries])


def longest_event(deliveries: Sequence[Delivery]) -> tuple[int, bytes]:
    """How many of the deliveries, from the first one on, fit one event, and that event.

    0 if not even the first one fits. Never parses a body.
    """
    number, event = _longest(deliveries, envelope.plain)
    if number == len(deliveries):
        return number, event
    return max((number, event), _longest(deliveries, envelope.compressed), key=lambda found: found[0])


def _longest(
    deliveries: Sequence[Delivery], written: Callable[[Mapping[str, Any]], bytes]
) -> tuple[int, bytes]:
    first = deliveries[0]
    before, after = _around(first.queue_url, first.lease)
    left = MAX_EVENT_BYTES - len(before) - len(after) - len(b'"Messages":[]')
    messages: list[bytes] = []
    for delivery in deliveries:
        message = written(delivery.message)
        left -= len(message) + len(b",")
        if left < 0 and (messages or len(_event(first, [message])) > MAX_EVENT_BYTES):
            break
        messages.append(message)
    return len(messages), _event(first, messages) if messages else b""


def _event(first: Delivery, messages: Sequence[bytes]) -> bytes:
    """The event around the messages, which are JSON already; queue and lease are those of the first."""
    before, after = _around(first.queue_url, first.lease)
    if len(messages) == 1:
        return b'%b"Message":%b%b' % (before, messages[0], after)
    return b'%b"Messages":[%b]%b' % (before, b",".join(messages), after)


@lru_cache(maxsize=16)  # the messages of a poll share it
def _around(queue_url: str | None, lease: Lease | None) -> tuple[bytes, bytes]:
    """What comes before and after the messages."""
    after = b"}" if lease is None else b',"Lease":%b}' % envelope.to_json(lease.to_json())
    return b'{"QueueUrl":%b,' % envelope.to_json(queue_url), after


def from_event(event: Any) -> Batch:
    """The batch in the worker's event. Raises BadEventError."""
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
        for delivery in batch.deliveries:
            _check(delivery)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise BadEventError(f"the event is no dispatch: {what}") from error
    return batch


def _messages_in(event: Any) -> list[Any]:
    """What the event has for messages; none where it does not say, or says it twice."""
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


def _check(delivery: Delivery) -> None:
    """Raises ValueError or OverflowError if what SQS counts is not countable."""
    sent_at = delivery.sent_at
    if delivery.receive_count < 0 or (sent_at is not None and not 0 <= sent_at < _END_OF_TIME):
        raise ValueError("its receive count or the time it was sent can't be true")
