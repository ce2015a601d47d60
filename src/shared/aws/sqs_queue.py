"""The `Queue` port on SQS."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared import log
from shared.aws.checksums import md5_of_attributes, md5_of_body
from shared.aws.transport import (
    UNEXPECTED,
    Answered,
    CallError,
    Transport,
    meaning,
    not_understood,
    understood,
)
from shared.delivery import Delivery
from shared.lease import Lease
from shared.ports.queue import KNOWN_SECONDS, AlteredError, Outgoing, QueueError, Refused
from shared.ports.workers import Meaning
from shared.queues import is_fifo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SqsQueue:
    """One SQS queue, called through `transport`."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._url = url
        self._fifo = is_fifo(url)

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        before = time.time()
        return await self._ask(
            lambda answer: self._deliveries(answer, before, lease_seconds),
            "ReceiveMessage",
            MaxNumberOfMessages=max_messages,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=lease_seconds,
            # Without these two, SQS leaves the attributes out.
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )

    def _deliveries(self, answer: Answered, before: float, lease_seconds: int) -> list[Delivery]:
        """Returns the deliveries. A malformed one is skipped, and comes again when its lease ends.

        On a FIFO queue the rest of its group is skipped with it, so that nothing overtakes it.
        """
        lease = Lease.taken(_answered_at(answer.date, before), lease_seconds)
        messages = answer.body.get("Messages") or []
        if not isinstance(messages, list):
            raise TypeError
        deliveries: list[Delivery] = []
        left: set[str | None] = set()
        for message in messages:
            group = _group_in(message) if self._fifo else None
            if self._fifo and (group in left or None in left):
                continue
            try:
                deliveries.append(_checked(Delivery(message, self._url, lease)))
            except UNEXPECTED as error:
                left.add(group)
                reason = not_understood(error).reason
                log.write(logging.ERROR, "message left: it can't be read", reason=reason)
        return deliveries

    async def change_visibility(
        self, deliveries: Sequence[Delivery], seconds: int, until: float = math.inf
    ) -> list[Refused]:
        operation = "ChangeMessageVisibilityBatch"
        if seconds:  # sent again later, it would hide a message that another worker has by then
            until = min(until, time.time() + seconds)
        return await self._ask_batch(operation, deliveries, until, VisibilityTimeout=seconds)

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Refused]:
        return await self._ask_batch("DeleteMessageBatch", deliveries)

    async def send(self, message: Outgoing) -> str:
        until = time.time() + KNOWN_SECONDS if self._fifo else math.inf
        return await self._ask(
            lambda answer: taken(answer.body, message), "SendMessage", until, **parts(message)
        )

    async def in_flight(self) -> int:
        return await self._count("ApproximateNumberOfMessagesNotVisible")

    async def waiting(self) -> int:
        return await self._count("ApproximateNumberOfMessages")

    async def _count(self, name: str) -> int:
        return await self._ask(
            lambda answer: int(answer.body["Attributes"][name]), "GetQueueAttributes", AttributeNames=[name]
        )

    async def _ask[R](
        self, read: Callable[[Answered], R], operation: str, until: float = math.inf, **parameters: Any
    ) -> R:
        """Makes the call and returns its answer, read by `read`. Raises QueueError, also for a bad answer."""
        try:
            asked = {"QueueUrl": self._url, **parameters}
            answer = await self._transport.call("sqs", operation, asked, until)
            with understood():
                return read(answer)
        except CallError as error:
            # A server's error: SQS did nothing, or the messages that it hid are visible again after their
            # lease; but it may have taken one that was sent.
            broken = Meaning.AMBIGUOUS if operation == "SendMessage" else Meaning.TRANSIENT
            raise QueueError(error.code, error.reason, meaning(error, broken)) from error

    async def _ask_batch(
        self, operation: str, deliveries: Sequence[Delivery], until: float = math.inf, **each: Any
    ) -> list[Refused]:
        entries = [
            {"Id": str(number), "ReceiptHandle": delivery.receipt_handle, **each}
            for number, delivery in enumerate(deliveries)
        ]
        return await self._ask(
            lambda answer: [  # HTTP 200 even when entries failed
                Refused(deliveries[int(entry["Id"])], entry["Code"], entry.get("Message", ""))
                for entry in answer.body.get("Failed") or ()
            ],
            operation,
            until,
            Entries=entries,
        )


def parts(message: Outgoing) -> dict[str, Any]:
    """Returns a message as SendMessage takes it, and an entry of SendMessageBatch."""
    found: dict[str, Any] = {"MessageBody": message.body}
    if message.attributes:
        found["MessageAttributes"] = message.attributes
    if message.group is not None:
        found["MessageGroupId"] = message.group
    if message.deduplication_id is not None:
        found["MessageDeduplicationId"] = message.deduplication_id
    if message.delay_seconds:
        found["DelaySeconds"] = message.delay_seconds
    if message.trace_header is not None:
        found["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": message.trace_header}
        }
    return found


def taken(answer: Mapping[str, Any], message: Outgoing) -> str:
    """Returns the MessageId. Raises AlteredError if SQS took a different message."""
    expected = md5_of_body(message.body), md5_of_attributes(message.attributes)
    message_id = str(answer["MessageId"])
    if (answer.get("MD5OfMessageBody"), answer.get("MD5OfMessageAttributes")) != expected:
        raise AlteredError(
            "ChecksumMismatch",
            f"the message may have been altered on its way: SQS says that it took another body or other "
            f"attributes, as {message_id}. Look for what stands in between, such as a proxy. "
            "Send it again only if its task may run twice, or is idempotent and the message has an id",
        )
    return message_id


def _checked(delivery: Delivery) -> Delivery:
    """Returns the delivery. If it is malformed or altered, raises one of `UNEXPECTED`."""
    message, system = delivery.message, delivery.system
    body = message["Body"]  # read once: a large message decodes its body at each read
    texts = (message["MessageId"], message["ReceiptHandle"], body, *system.values())
    if set(map(type, texts)) != {str}:
        raise TypeError
    if min(delivery.receive_count, delivery.sent_at or 0, delivery.first_received_at or 0) < 0:
        raise ValueError
    told = message.get("MD5OfBody"), message.get("MD5OfMessageAttributes")
    if told != (md5_of_body(body), md5_of_attributes(delivery.attributes)):
        raise ValueError
    return delivery


def _group_in(message: Any) -> str | None:
    """Returns the group of a message that may be malformed, or None."""
    system = message.get("Attributes") if isinstance(message, Mapping) else None
    group = system.get("MessageGroupId") if isinstance(system, dict) else None
    return group if isinstance(group, str) else None


def _answered_at(date: str | None, before: float) -> float:
    """Returns when SQS answered, by its own clock; without its Date, the time `before` the call.

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
