"""`./zigzag peek` on an account of moto's: what it shows, what it costs a message, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from moto.sqs import models
from tests.stacks import FIFO, deployed, no_poll_waits, queue, refused_without


def with_letters(most: int) -> dict[str, Any]:
    """Returns a queue that moves a message that was received so often."""
    dead = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    return queue(RedrivePolicy={"maxReceiveCount": most, "deadLetterTargetArn": dead})


@pytest.fixture
def sends(account: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns a call that deploys a stack and sends to its queue. It returns the queue's URL."""
    no_poll_waits(monkeypatch, 0.6)

    def send(*bodies: Any, most: int = 1000) -> str:
        url = deployed(with_letters(most))["QueueUrl"]
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            boto3.client("sqs").send_message(QueueUrl=url, MessageBody=text)
        return url

    return send


def receives(url: str) -> list[int]:
    answer = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )
    return [int(one["Attributes"]["ApproximateReceiveCount"]) for one in answer.get("Messages", [])]


def test_it_shows_task_and_id_and_never_a_payload(zigzag: Any, sends: Any) -> None:
    sends({"task": "pay", "id": "a-\x1b[2J\n1", "payload": {"card": "4111"}}, "no JSON")

    code, out, _ = zigzag("peek")
    told = json.loads(zigzag("peek", "--json")[1])

    lines = [line.split("  ", 1)[1].lstrip("0123456789. ms") for line in out.splitlines()[1:]]
    assert (code, out.splitlines()[0]) == (0, "2 of about 2 that wait in default; given back after 2 s")
    assert sorted(lines) == ["no task is named", "pay  a-\\x1b[2J\\n1"]
    assert "4111" not in out + json.dumps(told)


def test_a_payload_is_shown_if_it_is_asked_for(zigzag: Any, sends: Any) -> None:
    sends({"task": "pay", "payload": {"card": "4111"}})

    assert '{"task": "pay", "payload": {"card": "4111"}}' in zigzag("peek", "--payload")[1]


def test_a_look_takes_one_receive_of_ten_messages_and_gives_them_back(
    zigzag: Any, sends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sends(*[{"task": "pay"}] * 12)
    told = json.loads(zigzag("peek", "--json")[1])
    now = vars(models)["unix_time_millis"]
    monkeypatch.setattr(models, "unix_time_millis", lambda: now() + 2100)

    assert (len(told["messages"]), told["waiting"], told["most_receives"]) == (10, 12, 1000)
    assert {one["receives"] for one in told["messages"]} == {1}
    assert sorted(receives(url) + receives(url)) == [1, 1] + [2] * 10


def test_a_message_near_its_end_is_told(zigzag: Any, sends: Any) -> None:
    url = sends({"task": "pay"}, most=32)
    boto3.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=0)

    out = zigzag("peek")[1]

    assert "received 2 of 32 times: SQS moves it soon, so don't look again" in out


@pytest.mark.parametrize(
    ("stack", "code", "said"),
    [
        (FIFO, 2, "default is a FIFO queue: a look would hide the head of a group"),
        (with_letters(30), 1, "default has a maxReceiveCount of 30"),
    ],
    ids=["FIFO", "few receives"],
)
def test_a_queue_that_a_look_could_harm_is_refused_and_not_read(
    zigzag: Any, account: None, monkeypatch: pytest.MonkeyPatch, stack: Any, code: int, said: str
) -> None:
    deployed(stack)
    refused_without(monkeypatch, "ReceiveMessage")

    ended, out, err = zigzag("peek")

    assert (ended, out, said in err) == (code, "", True)


def test_an_empty_queue_says_so(zigzag: Any, sends: Any) -> None:
    sends()

    assert zigzag("peek")[:2] == (0, "0 of about 0 that wait in default\n")
