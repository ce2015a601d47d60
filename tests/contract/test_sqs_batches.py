"""The `Batches` port on SQS: what an answer means, at an endpoint that says it, and at moto."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS, as_on_lambda, in_place, moto_over_http

from shared.aws.checksums import md5_of_body
from shared.aws.sqs_batches import SqsBatches
from shared.ports.batches import Fate, Unsent
from shared.ports.queue import Outgoing
from shared.ports.workers import Meaning
from zigzag.in_place import run_in_place

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
MESSAGES = [Outgoing("first"), Outgoing("second", {"a": {"DataType": "String", "StringValue": "b"}})]


def taken(number: int, body: str, **more: str) -> dict[str, Any]:
    return {"Id": str(number), "MessageId": f"m-{number}", "MD5OfMessageBody": md5_of_body(body), **more}


FIRST = taken(0, "first")
SECOND = taken(1, "second", MD5OfMessageAttributes="bef8bf215374a0a228d67533b1a488be")


def failed(code: str, sender: bool) -> dict[str, Any]:
    return {"Id": "1", "SenderFault": sender, "Code": code, "Message": "why"}


def answered(body: Any, status: int = 200) -> bytes:
    said = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(said),
        said,
    )


def sent(monkeypatch: pytest.MonkeyPatch, transport: str, answer: Any) -> tuple[list[Fate], int]:
    """Returns the fates of both messages, and how many calls were made."""
    with HttpEndpoint(answer) as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        with in_place(transport) as one:
            fates = run_in_place(SqsBatches(one, URL).send(MESSAGES))
        return fates, len(endpoint.requests)


def kinds(fates: list[Fate]) -> list[str]:
    return [fate if isinstance(fate, str) else fate.meaning.value for fate in fates]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (failed("InternalError", sender=False), "transient"),
        (failed("InvalidMessageContents", sender=True), "definite"),
        (failed("KmsThrottled", sender=True), "transient"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["Code"],
)
def test_an_entry_that_failed_is_known_apart_from_those_that_were_taken(
    monkeypatch: pytest.MonkeyPatch, transport: str, entry: dict[str, Any], kind: str
) -> None:
    answer = answered({"Successful": [FIRST], "Failed": [entry]})

    fates, calls = sent(monkeypatch, transport, answer)

    assert (kinds(fates), calls) == (["m-0", kind], 1)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("answer", "kind", "whole"),
    [
        ("close", Meaning.AMBIGUOUS, True),
        ("reset", Meaning.AMBIGUOUS, True),
        (503, Meaning.AMBIGUOUS, True),
        (429, Meaning.TRANSIENT, True),
        (403, Meaning.DEFINITE, True),
        (answered({"Successful": [{**FIRST, "Id": "7"}]}), Meaning.AMBIGUOUS, True),
        (answered({"Successful": [{**FIRST, "Id": "-1"}]}), Meaning.AMBIGUOUS, True),
        (answered({"Successful": [{}]}), Meaning.AMBIGUOUS, True),
        (answered({}), Meaning.AMBIGUOUS, False),
    ],
)
def test_a_call_that_fails_is_made_once_and_says_whether_it_may_have_been_done(
    monkeypatch: pytest.MonkeyPatch, transport: str, answer: Any, kind: Meaning, whole: bool
) -> None:
    fates, calls = sent(monkeypatch, transport, (lambda _: answer) if isinstance(answer, str) else answer)

    assert [(one.meaning, one.whole) for one in fates if isinstance(one, Unsent)] == [(kind, whole)] * 2
    assert calls == 1


@pytest.mark.parametrize("change", [{"MD5OfMessageBody": "x"}, {"MD5OfMessageAttributes": "x"}])
def test_a_message_that_sqs_took_altered_is_unknown_for_good(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    fates, _ = sent(monkeypatch, "lean", answered({"Successful": [FIRST, {**SECOND, **change}]}))

    assert kinds(fates) == ["m-0", "ambiguous"]
    assert isinstance(fates[1], Unsent)
    assert fates[1].lasts


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sqs_gets_bodies_attributes_groups_and_delays(
    monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    with moto_over_http() as url:
        as_on_lambda(monkeypatch, url)
        client = boto3.client("sqs")
        queue = client.create_queue(QueueName="tasks.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        messages = [message._replace(group="g", deduplication_id=message.body) for message in MESSAGES]
        with in_place(transport) as one:
            fates = run_in_place(SqsBatches(one, queue).send(messages))
        found = client.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )["Messages"]

    assert [one["MessageId"] for one in found] == fates
    assert [one["Body"] for one in found] == ["first", "second"]
    assert [one["Attributes"]["MessageGroupId"] for one in found] == ["g", "g"]
    assert found[1]["MessageAttributes"] == {"a": {"DataType": "String", "StringValue": "b"}}
