"""The `Queue` port on SQS."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.aws.transport import Answered, CallError, Transport
from shared.delivery import Delivery
from shared.lease import Lease
from shared.ports.queue import Failed, Outgoing, QueueError

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SqsQueue:
    """One SQS queue, called through `transport`."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._url = url

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        before = time.time()
        answer = await self._ask(
            "ReceiveMessage",
            MaxNumberOfMessages=max_messages,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=lease_seconds,
            # Without these two, attributes are silently absent.
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        lease = Lease.taken(_answered_at(answer.date, before), lease_seconds)
        return [Delivery(message, self._url, lease) for message in answer.body.get("Messages") or ()]

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: int) -> list[Failed]:
        return await self._ask_batch("ChangeMessageVisibilityBatch", deliveries, VisibilityTimeout=seconds)

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
        answer = await self._ask("SendMessage", MessageBody=message.body, **options)
        return str(_part(answer, "MessageId"))

    async def in_flight(self) -> int:
        name = "ApproximateNumberOfMessagesNotVisible"
        answer = await self._ask("GetQueueAttributes", AttributeNames=[name])
        attributes: Mapping[str, str] = _part(answer, "Attributes")
        return int(attributes[name])

    async def _ask(self, operation: str, **parameters: Any) -> Answered:
        try:
            return await self._transport.call("sqs", operation, {"QueueUrl": self._url, **parameters})
        except CallError as error:
            raise QueueError(error.code, error.reason) from error

    async def _ask_batch(self, operation: str, deliveries: Sequence[Delivery], **each: Any) -> list[Failed]:
        entries = [
            {"Id": str(number), "ReceiptHandle": delivery.receipt_handle, **each}
            for number, delivery in enumerate(deliveries)
        ]
        answer = await self._ask(operation, Entries=entries)
        # HTTP 200 even when entries failed.
        return [
            Failed(deliveries[int(entry["Id"])], entry["Code"], entry.get("Message", ""))
            for entry in answer.body.get("Failed") or ()
        ]


def _part(answer: Answered, name: str) -> Any:
    """That part of an answer. Raises QueueError."""
    if name not in answer.body:
        raise QueueError("BadAnswer", f"it has no {name}")
    return answer.body[name]


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
