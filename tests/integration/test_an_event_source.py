"""The worker's handler, invoked by Lambda's own poller of the queue, which deletes what is not named."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from tests.integration.conftest import LINES, Stack
from tests.support import body_of, text

from shared.delivery import BadEventError
from zigzag import Context, Reject, Retry, task

VISIBILITY_SECONDS = 900
ran: list[Any] = []


@task()
def greet(payload: dict[str, Any], context: Context) -> None:
    ran.append((payload["name"], context.attempt, context.attributes))


@task()
def retry(payload: dict[str, Any]) -> None:
    raise Retry("busy", after=600)


@task()
def reject(payload: dict[str, Any]) -> None:
    raise Reject("no such user")


@pytest.fixture(autouse=True)
def _tasks(stack: Stack) -> None:
    ran.clear()
    stack.knows(greet, retry, reject)


class Poller:
    """Lambda's poller of the stack's queue."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._sqs: Any = boto3.client("sqs")

    def receive(self) -> dict[str, Any]:
        """Receives up to ten messages, and returns their event."""
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._stack.queue_url, AttributeNames=["QueueArn"]
        )
        messages = self._sqs.receive_message(
            QueueUrl=self._stack.queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=VISIBILITY_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )["Messages"]
        return {"Records": [_record(message, attributes["Attributes"]["QueueArn"]) for message in messages]}

    def invoke(self, event: dict[str, Any]) -> list[str]:
        """Invokes the worker, and deletes what it has not named. Returns the bodies of the others."""
        answer = self._stack.start_worker(event)
        named = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        for record in event["Records"]:
            if record["messageId"] not in named:
                handle = record["receiptHandle"]
                self._sqs.delete_message(QueueUrl=self._stack.queue_url, ReceiptHandle=handle)
        return [record["body"] for record in event["Records"] if record["messageId"] in named]


def _record(message: dict[str, Any], arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"stringValue": one["StringValue"], "dataType": one["DataType"]}
            for name, one in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }


@pytest.fixture
def poller(stack: Stack) -> Poller:
    return Poller(stack)


def test_of_a_batch_each_message_has_its_own_end(stack: Stack, poller: Poller) -> None:
    bodies = (body_of("greet", {"name": "Ann"}), body_of("retry"), body_of("reject"))
    for body in bodies:
        stack.send(body, {"user": text("u")})

    left = poller.invoke(poller.receive())

    assert (ran, left) == ([("Ann", 1, {"user": "u"})], [body_of("retry")])
    (letter,) = stack.dead_letters()
    assert letter["note"]["reason"] == "rejected: no such user"
    assert (stack.visible(), stack.in_flight()) == (0, 1)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ZIGZAG_FLOW_CONTROL", "true", "no limits and no pause: set FlowControl=false, or Trigger=schedule"),
        ("ZIGZAG_QUEUES", "urgent:6=https://sqs.test/1/u", "no weights: take them off the queues' names"),
    ],
)
def test_where_there_are_limits_or_weights_nothing_starts_and_the_log_says_why(
    stack: Stack,
    poller: Poller,
    monkeypatch: pytest.MonkeyPatch,
    lines: LINES,
    variable: str,
    value: str,
    says: str,
) -> None:
    # Given a stack that has them, and an event source that somebody has added
    monkeypatch.setenv(variable, value)
    stack.send(body_of("greet", {"name": "Ann"}))

    # When Lambda's poller invokes the worker
    with pytest.raises(BadEventError):
        poller.invoke(poller.receive())

    # Then the message waits for the consumer
    assert (ran, stack.in_flight()) == ([], 1)
    assert says in lines()[-1]["message"]


def test_a_further_queue_of_weight_1_is_worked(
    stack: Stack, poller: Poller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIGZAG_QUEUES", "bulk=https://sqs.test/1/b")
    stack.send(body_of("greet", {"name": "Ann"}))

    assert poller.invoke(poller.receive()) == []
    assert [name for name, *_ in ran] == ["Ann"]
