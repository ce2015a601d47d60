"""A published task on SNS: at moto and at MiniStack, with the template's subscription; and in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pydantic import BaseModel
from tests.support import slow
from tests.worlds import ministack, moto

from shared.aws.choice import BOTO
from zigzag import BadPayloadError, PayloadTooLargeError, SendError, remote, task
from zigzag.extra import publish
from zigzag_testing import Sandbox

ran: list[str] = []


class Order(BaseModel):
    number: str


@task(idempotent=True)
def order_placed(order: Order) -> None:
    ran.append(order.number)


elsewhere = remote("order_shipped", Order)


class Topic:
    """A topic, and two queues that subscribe: one for `order_placed`, one for both tasks."""

    def __init__(self) -> None:
        self._sqs: Any = boto3.client("sqs")
        sns: Any = boto3.client("sns")
        self.arn = sns.create_topic(Name="orders")["TopicArn"]
        self.queues = []
        for number, tasks in enumerate((["order_placed"], ["order_placed", "order_shipped"])):
            url = self._sqs.create_queue(QueueName=f"subscriber-{number}")["QueueUrl"]
            queue = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
            sns.subscribe(
                TopicArn=self.arn,
                Protocol="sqs",
                Endpoint=queue["QueueArn"],
                Attributes={
                    "RawMessageDelivery": "true",
                    "FilterPolicyScope": "MessageBody",
                    "FilterPolicy": json.dumps({"task": tasks}),
                },
            )
            self.queues.append(url)

    def received(self, queue: int) -> list[str]:
        answer = self._sqs.receive_message(
            QueueUrl=self.queues[queue], MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        return [message["Body"] for message in answer.get("Messages", [])]


@pytest.fixture(scope="module", params=["moto", *slow("MiniStack")])
def topic(request: pytest.FixtureRequest) -> Iterator[Topic]:
    with (moto if request.param == "moto" else ministack)(BOTO), pytest.MonkeyPatch.context() as patch:
        topic = Topic()
        patch.setenv("ZIGZAG_TOPIC_ARN", topic.arn)
        publish._transport.cache_clear()
        yield topic
        publish._transport.cache_clear()


class TestOnSns:
    def test_each_subscriber_gets_the_message_as_it_was_sent(self, topic: Topic) -> None:
        id = order_placed.publish(Order(number="A-1"))

        for queue in (0, 1):
            (body,) = topic.received(queue)
            assert json.loads(body) == {"task": "order_placed", "payload": {"number": "A-1"}, "id": id}

    def test_a_subscriber_gets_only_the_tasks_of_its_filter(self, topic: Topic) -> None:
        assert elsewhere.publish(Order(number="A-2"), id="ship-A-2", topic=topic.arn) == "ship-A-2"

        assert [len(topic.received(queue)) for queue in (0, 1)] == [0, 1]

    def test_a_topic_that_is_gone_refuses(self, topic: Topic) -> None:
        with pytest.raises(SendError, match="the topic refused the message: NotFound"):
            order_placed.publish(Order(number="A-3"), topic=topic.arn + "-gone")

    def test_what_is_too_large_for_the_topic_goes_to_s3_in_another_way(self, topic: Topic) -> None:
        with pytest.raises(PayloadTooLargeError, match="send what is large to S3"):
            order_placed.publish(Order(number="A" * 262_144))


class TestInTheSandbox:
    @pytest.fixture(autouse=True)
    def _nothing_ran(self) -> None:
        ran.clear()

    def test_a_published_task_runs_once_in_each_stack_even_with_the_same_id(self) -> None:
        for _ in range(2):  # two stacks: each has its own records
            with Sandbox({"order_placed": order_placed}) as subscriber:
                order_placed.publish(Order(number="A-1"), id="place-A-1")
                order_placed.publish(Order(number="A-1"), id="place-A-1")
                subscriber.run()

        assert ran == ["A-1", "A-1"]

    def test_a_task_of_others_is_filtered_out(self) -> None:
        with Sandbox({"order_placed": order_placed}) as sandbox:
            elsewhere.publish(Order(number="A-1"))

        assert len(sandbox.queue) == 0

    def test_a_payload_that_does_not_fit_is_not_published(self) -> None:
        with Sandbox({"order_placed": order_placed}), pytest.raises(BadPayloadError, match="number"):
            order_placed.publish({"name": "A-1"})  # type: ignore[arg-type]

    def test_no_standard_topic_delivers_to_a_fifo_queue(self) -> None:
        with Sandbox({"order_placed": order_placed}, fifo=True), pytest.raises(SendError, match="FIFO"):
            order_placed.publish(Order(number="A-1"))


@pytest.mark.parametrize(
    ("arn", "says"),
    [
        (None, "ZIGZAG_TOPIC_ARN is not set"),
        ("arn:aws:sns:eu-west-1:123456789012:orders.fifo", "a standard topic"),
        ("https://sns.eu-west-1.amazonaws.com/orders", "the ARN of a standard topic"),
        (5, "the ARN of a standard topic"),
    ],
)
def test_a_topic_that_cant_be_published_on_is_said(
    monkeypatch: pytest.MonkeyPatch, arn: Any, says: str
) -> None:
    monkeypatch.delenv("ZIGZAG_TOPIC_ARN", raising=False)

    with pytest.raises(SendError, match=says):
        order_placed.publish(Order(number="A-1"), topic=arn)
