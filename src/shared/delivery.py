"""What is a delivery, and how does it travel from the consumer to the worker?

A delivery is one receive of a message: the message as ReceiveMessage gave it, the queue it came
from, and the lease. It travels as the worker's event, JSON in UTF-8:

    {"QueueUrl": "https://sqs…", "Message": {"MessageId": …, "ReceiptHandle": …, "Body": …,
     "Attributes": {…}, "MessageAttributes": {…}}, "Lease": {"ReceivedAt": …, "StartBy": …, "Ends": …}}

so that any consumer, or a person with a file, can make one. Only `Message.Body` must be there;
unknown keys are ignored. Binary attribute values are base64, as the AWS command line prints them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.lease import Lease

MOST_EVENT_BYTES = 1_000_000
"""The largest event we dispatch. Lambda's limit for asynchronous invokes is "1 MB", and its
documentation does not say which: the smaller reading is safe
(https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""


class BadEventError(ValueError):
    """The worker's event is no delivery; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Delivery:
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


def to_event(delivery: Delivery) -> bytes:
    """The delivery as the worker's event. Never parses the body."""
    event: dict[str, Any] = {
        "QueueUrl": delivery.queue_url,
        "Message": {**delivery.message, "MessageAttributes": _to_base64(delivery.attributes)},
    }
    if delivery.lease is not None:
        event["Lease"] = delivery.lease.to_json()
    # Not escaped to ASCII: that would make an emoji three times as long.
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def from_event(event: Any) -> Delivery:
    """The delivery in the worker's event. Raises BadEventError."""
    message = event.get("Message") if isinstance(event, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("Body"), str):
        raise BadEventError(
            'the event is no dispatch: it needs {"Message": {"Body": "…"}}, as in events/worker-dispatch.json'
        )
    try:
        lease = Lease.from_json(event["Lease"]) if event.get("Lease") is not None else None
        attributes = _from_base64(message.get("MessageAttributes") or {})
        delivery = Delivery({**message, "MessageAttributes": attributes}, event.get("QueueUrl"), lease)
        _ = delivery.receive_count, delivery.sent_at
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadEventError(f"the event is no dispatch: {type(error).__name__}: {error}") from error
    return delivery


def _to_base64(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for key, value in attribute.items()
        }
        for name, attribute in attributes.items()
    }


def _from_base64(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            key: base64.b64decode(value, validate=True) if key == "BinaryValue" else value
            for key, value in attribute.items()
        }
        for name, attribute in attributes.items()
    }
