"""Notices on an SNS topic: moto's, and one that does not answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from tests.transports import as_on_lambda, moto_over_http

from shared.aws.sns_notices import SnsNotices
from shared.ports.notices import Notice, NoticeError
from zigzag.in_place import run_in_place

NOTICE = Notice("Zigzag: caf\N{LATIN SMALL LETTER E WITH ACUTE}\nhas failed" + "x" * 200, "long", "short")


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with moto_over_http() as url:
        as_on_lambda(monkeypatch, url)
        yield boto3.client("sns")


def test_what_is_no_mail_gets_the_short_text(sns: Any) -> None:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="reader")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="failures")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    run_in_place(SnsNotices(topic, "https://sqs.test/letters").publish(NOTICE, 60))

    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    read = json.loads(message["Body"])
    assert read["Message"] == "short"
    assert (read["Subject"][:25], len(read["Subject"])) == ("Zigzag: caf? has failedxx", 99)


def test_a_topic_that_refuses_was_not_told(sns: Any) -> None:
    notices = SnsNotices("arn:aws:sns:us-east-1:123456789012:none", "https://sqs.test/letters")

    with pytest.raises(NoticeError) as refused:
        run_in_place(notices.publish(NOTICE, 60))

    assert ("NotFound" in refused.value.reason, refused.value.maybe) == (True, False)


def test_a_topic_that_does_not_answer_takes_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        as_on_lambda(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        notices = SnsNotices("arn:aws:sns:us-east-1:123456789012:silent", "https://sqs.test/letters")

        with pytest.raises(NoticeError, match="no answer of SNS in 0 s") as late:
            run_in_place(notices.publish(NOTICE, 0.2))

    assert late.value.maybe
