"""The `Queue` port on SQS."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.aws.transport import Answered, CallError, Transport, meaning, understood
from shared.delivery import Delivery
from shared.lease import Lease
from shared.ports.queue import Failed, Outgoing, QueueError
from shared.ports.workers import Reply

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SqsQueue:
    """One SQS queue, called through `transport`."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._url = url

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        before = time.time()
        return await self._ask(
            lambda answer: self._deliveries(answer, before, lease_seconds),
            "ReceiveMessage",
            MaxNumberOfMessages=max_messages,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=lease_seconds,
            # Without these two, attributes are silently absent.
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )

    def _deliveries(self, answer: Answered, before: float, lease_seconds: int) -> list[Delivery]:
        lease = Lease.taken(_answered_at(answer.date, before), lease_seconds)
        deliveries = [Delivery(message, self._url, lease) for message in answer.body.get("Messages") or ()]
        for delivery in deliveries:
            if not (isinstance(delivery.message["Body"], str) and isinstance(delivery.attributes, dict)):
                raise TypeError
        return deliveries

    async def change_visibility(
        self, deliveries: Sequence[Delivery], seconds: int, until: float = math.inf
    ) -> list[Failed]:
        operation = "ChangeMessageVisibilityBatch"
        return await self._ask_batch(operation, deliveries, until, VisibilityTimeout=seconds)

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Failed]:
        return await self._ask_batch("DeleteMessageBatch", deliveries)

    async def send(self, message: Outgoing) -> str:
        options: dict[str, Any] = {}
        if message.attributes:
            options["MessageAttributes"] = message.attributes
        if message.group is not None:
            options["MessageGroupId"] = message.group
        if message.deduplication_id is not None:
            options["MessageDeduplicationId"] = message.deduplication_id
        if message.delay_seconds:
            options["DelaySeconds"] = message.delay_seconds
        if message.trace_header is not None:
            options["MessageSystemAttributes"] = {
                "AWSTraceHeader": {"DataType": "String", "StringValue": message.trace_header}
            }
        return await self._ask(
            lambda answer: str(answer.body["MessageId"]), "SendMessage", MessageBody=message.body, **options
        )

    async def in_flight(self) -> int:
        name = "ApproximateNumberOfMessagesNotVisible"
        return await self._ask(
            lambda answer: int(answer.body["Attributes"][name]), "GetQueueAttributes", AttributeNames=[name]
        )

    async def _ask[R](
        self, read: Callable[[Answered], R], operation: str, until: float = math.inf, **parameters: Any
    ) -> R:
        """What `read` makes of the answer. Raises QueueError, also if it is of another shape."""
        try:
            asked = {"QueueUrl": self._url, **parameters}
            answer = await self._transport.call("sqs", operation, asked, until)
            with understood():
                return read(answer)
        except CallError as error:
            # A server's error: SQS did nothing, or what it hid for us is visible again after its lease.
            raise QueueError(error.code, error.reason, meaning(error, broken=Reply.TRANSIENT)) from error

    async def _ask_batch(
        self, operation: str, deliveries: Sequence[Delivery], until: float = math.inf, **each: Any
    ) -> list[Failed]:
        entries = [
            {"Id": str(number), "ReceiptHandle": delivery.receipt_handle, **each}
            for number, delivery in enumerate(deliveries)
        ]
        return await self._ask(
            lambda answer: [  # HTTP 200 even when entries failed
                Failed(deliveries[int(entry["Id"])], entry["Code"], entry.get("Message", ""))
                for entry in answer.body.get("Failed") or ()
            ],
            operation,
            until,
            Entries=entries,
        )


def _answered_at(date: str | None, before: float) -> float:
    """When SQS answered, by its own clock; at the latest `before` the call if it does not say.

    The visibility timeout runs from SQS's answer, which the Date header dates to the second
    (https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats).
    """
    try:
        _, day, month, year, clock, _ = (date or "").split()
        hour, minute, second = clock.split(":")
        found = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        return before
    return found.timestamp()
