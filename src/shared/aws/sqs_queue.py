"""The `Queue` port on SQS."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.clients import Caller, in_place
from shared.delivery import Delivery
from shared.lease import Lease
from shared.ports import Failed, Outgoing, QueueError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsQueue:
    """One SQS queue, called through `client` in the way of `call` (in place, or in threads)."""

    def __init__(self, client: SQSClient, url: str, call: Caller = in_place) -> None:
        self._client = client
        self._url = url
        self._call = call

    async def receive(self, most: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        before = time.time()
        answer = await self._ask(
            self._client.receive_message,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=lease_seconds,
            # Without these two, attributes are silently absent.
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        received_at = _answered_at(answer, before)
        lease = Lease.taken(received_at, lease_seconds)
        return [Delivery(message, self._url, lease) for message in answer.get("Messages", [])]

    async def postpone(self, deliveries: Sequence[Delivery], seconds: int) -> list[Failed]:
        return await self._ask_batch(
            self._client.change_message_visibility_batch, deliveries, VisibilityTimeout=seconds
        )

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Failed]:
        return await self._ask_batch(self._client.delete_message_batch, deliveries)

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
        answer = await self._ask(self._client.send_message, MessageBody=message.body, **options)
        return str(answer["MessageId"])

    async def in_flight(self) -> int:
        name = "ApproximateNumberOfMessagesNotVisible"
        answer = await self._ask(self._client.get_queue_attributes, AttributeNames=[name])
        return int(answer["Attributes"][name])

    async def _ask(self, operation: Any, **arguments: Any) -> Any:
        try:
            return await self._call(operation, QueueUrl=self._url, **arguments)
        except ClientError as error:
            details = error.response.get("Error", {})
            raise QueueError(details.get("Code", "Unknown"), details.get("Message", str(error))) from error
        except BotoCoreError as error:
            raise QueueError(type(error).__name__, str(error)) from error

    async def _ask_batch(self, operation: Any, deliveries: Sequence[Delivery], **each: Any) -> list[Failed]:
        entries = [
            {"Id": str(number), "ReceiptHandle": delivery.receipt_handle, **each}
            for number, delivery in enumerate(deliveries)
        ]
        answer = await self._ask(operation, Entries=entries)
        # HTTP 200 even when entries failed.
        return [
            Failed(deliveries[int(entry["Id"])], entry["Code"], entry.get("Message", ""))
            for entry in answer.get("Failed", [])
        ]


def _answered_at(answer: Any, before: float) -> float:
    """When SQS answered, by its own clock; at the latest `before` the call if it does not say.

    The visibility timeout runs from SQS's answer, which the Date header dates to the second.
    """
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return before
