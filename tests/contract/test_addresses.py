"""Follow-ups on SQS and SNS, as moto plays them: queues of the stack, and those that replies go to."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from tests.transports import as_on_lambda, in_place, moto_over_http

from shared.aws.addresses import AwsAddresses
from shared.aws.choice import LEAN
from shared.aws.identity import Identity
from shared.ports.addresses import Addresses
from shared.ports.queue import Outgoing, QueueError
from zigzag.in_place import run_in_place

ACCOUNT = "us-east-1:123456789012"
MESSAGE = Outgoing('{"outcome": "succeeded"}')


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Addresses]:
    with moto_over_http() as url:
        as_on_lambda(monkeypatch, url)
        sqs = boto3.client("sqs")
        queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("tasks", "bulk")}
        with in_place(LEAN) as transport:
            yield AwsAddresses(transport, queues, (), Identity(os.environ), lambda: math.inf)


def received(name: str) -> dict[str, Any]:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    return dict(message)


@pytest.mark.parametrize("by", ["arn", "url"])
def test_a_queue_gets_the_message_as_it_is(addresses: Addresses, by: str) -> None:
    arn = f"arn:aws:sqs:{ACCOUNT}:bulk"

    run_in_place(addresses.send(arn if by == "arn" else addresses.queues["bulk"], MESSAGE))

    assert received("bulk")["Body"] == MESSAGE.body


def test_a_fifo_queue_gets_group_and_deduplication_id(addresses: Addresses) -> None:
    boto3.client("sqs").create_queue(QueueName="answers.fifo", Attributes={"FifoQueue": "true"})

    message = MESSAGE._replace(group="g", deduplication_id="d")
    run_in_place(addresses.send(f"arn:aws:sqs:{ACCOUNT}:answers.fifo", message))

    system = received("answers.fifo")["Attributes"]
    assert (system["MessageGroupId"], system["MessageDeduplicationId"]) == ("g", "d")


def test_a_topic_gets_it_too(addresses: Addresses) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="answers")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{ACCOUNT}:tasks")

    run_in_place(addresses.send(topic, MESSAGE))

    assert json.loads(received("tasks")["Body"])["Message"] == MESSAGE.body


@pytest.mark.parametrize("arn", [f"arn:aws:sqs:{ACCOUNT}:none", f"arn:aws:sns:{ACCOUNT}:none"])
def test_what_is_not_there_is_an_error_in_aws_words(addresses: Addresses, arn: str) -> None:
    with pytest.raises(QueueError, match=r"NonExistentQueue|NotFound"):
        run_in_place(addresses.send(arn, MESSAGE))
