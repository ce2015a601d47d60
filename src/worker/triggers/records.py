"""The trigger by an event source: SQS's own poller in Lambda invokes the worker with `Records`.

Lambda received the messages with the queue's visibility timeout, and waits for the answer. After it, Lambda
deletes each message that the answer does not name, and leaves the others as they are
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). The worker has settled all of
them by then. So a message that was postponed is named, and stays hidden as long as the worker said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.delivery import BadEventError, Batch, Delivery
from worker.result import Report, Result
from worker.triggers import dispatch

OFF_THE_QUEUE = ("succeeded", "already done", "dead-letter", "ignored")
"""Outcomes whose message is deleted, once they are settled."""

OR_ELSE = "or Trigger=schedule, and deploy"


def is_of_an_event_source(event: Any) -> bool:
    return isinstance(event, dict) and "Records" in event


def refuse(flow_control: bool, weights: Iterable[int]) -> None:
    """Raises BadEventError if the stack has what an event source does not know. Its messages are left for the
    consumer then.

    flow_control -- whether the queues have gates. Lambda's poller asks none.
    weights      -- of the queues.
    """
    if flow_control:
        raise BadEventError(f"an event source knows no limits and no pause: set FlowControl=false, {OR_ELSE}")
    if any(weight != 1 for weight in weights):
        raise BadEventError(f"an event source knows no weights: take them off the queues' names, {OR_ELSE}")


def batch_of(event: Any, queue_urls: Iterable[str]) -> Batch:
    """Returns the batch in an event of an event source. Raises BadEventError.

    It has no lease, as the event does not say when Lambda received the messages. So the worker takes a new
    one before the first start, which is shorter than the queue's visibility timeout.
    """
    records = event["Records"]
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        records = []
    urls = list(queue_urls)
    url = _queue_of(records, urls)
    try:
        messages = [_message(record) for record in records]
    except (AttributeError, TypeError) as error:
        raise BadEventError(f"the event is no dispatch: {error}") from error
    return dispatch.batch_of({"QueueUrl": url, "Messages": messages}, urls)


def _queue_of(records: list[dict[str, Any]], urls: list[str]) -> str | None:
    """Returns the URL of the records' queue, or None if they name none, as a file of `events/`."""
    arns = {str(record["eventSourceARN"]) for record in records if "eventSourceARN" in record}
    if not arns:
        return None
    if len(arns) > 1:
        raise BadEventError("the event has records of several queues; one has those of one queue")
    (arn,) = arns
    service, _, *account_and_name = arn.split(":")[2:] or ["", ""]
    for url in urls:
        if service == "sqs" and url.split("/")[3:] == account_and_name:
            return url
    raise BadEventError(f"the event names a queue that is none of this stack's: {arn}")


def _message(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record as ReceiveMessage gives a message."""
    attributes = record.get("messageAttributes") or {}
    return {
        "MessageId": record.get("messageId", "unknown"),
        "ReceiptHandle": record.get("receiptHandle"),
        "Body": record.get("body"),
        "Attributes": record.get("attributes"),
        "MessageAttributes": {name: _attribute(value) for name, value in attributes.items()},
    }


def _attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    names = {"dataType": "DataType", "stringValue": "StringValue", "binaryValue": "BinaryValue"}
    return {names[name]: value for name, value in attribute.items() if name in names and value is not None}


class Unfinished:
    """Notes which messages of a batch are not off the queue, as an observer, and names them in the answer.

    A message of which nothing is told is named, too: Lambda would delete it.
    """

    def __init__(self, batch: Batch) -> None:
        self._left = dict.fromkeys(delivery.message_id for delivery in batch.deliveries)

    def settled(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        if report.settled and report.outcome in OFF_THE_QUEUE:
            self._left.pop(delivery.message_id, None)

    def answer(self) -> dict[str, list[dict[str, str]]]:
        """Returns the function's answer: the messages that Lambda must not delete."""
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in self._left]}
