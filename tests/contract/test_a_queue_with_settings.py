"""What do producers see of a task queue that takes small messages only, or delays each?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from tests.transports import as_on_lambda, moto_over_http

from zigzag import PayloadTooLargeError, aws, task

SMALL = 1_024


@task
def collect(payload: dict[str, Any]) -> None:
    pass


@pytest.fixture
def queue_of(wanted: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a queue with attributes. Tasks are sent to it then, over both transports."""
    with moto_over_http() as url:
        as_on_lambda(monkeypatch, url)
        monkeypatch.setenv("ZIGZAG_TRANSPORT", wanted)
        sqs = boto3.client("sqs")

        def make(**attributes: str) -> Any:
            queue_url = sqs.create_queue(QueueName="tasks", Attributes=attributes)["QueueUrl"]
            monkeypatch.setenv("ZIGZAG_QUEUE_URL", queue_url)
            aws.forget()
            return lambda name: int(
                sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"][name]
            )

        yield make
        aws.forget()


def test_a_message_that_the_queue_finds_too_large_is_the_senders_error_and_names_the_limit(
    queue_of: Any,
) -> None:
    count = queue_of(MaximumMessageSize=str(SMALL))

    with pytest.raises(PayloadTooLargeError, match=r"MaximumMessageSize is 1,024 bytes: .* S3"):
        collect.send({"text": "x" * SMALL})

    assert count("ApproximateNumberOfMessages") == 0


def test_without_a_delay_of_its_own_a_message_has_the_queues(queue_of: Any) -> None:
    count = queue_of(DelaySeconds="900")

    collect.send({})

    assert count("ApproximateNumberOfMessagesDelayed") == 1
    assert count("ApproximateNumberOfMessages") == 0
