"""A checksum from SQS is compared with the message that was sent, or with the one that came with it."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any

import pytest
from tests.contract.test_sqs_queue import Answering
from tests.http_endpoint import HttpEndpoint
from tests.support import text
from tests.transports import in_place

from shared.aws.choice import LEAN
from shared.aws.sqs_queue import SqsQueue
from shared.dead_letter import Cause, Move, move_to_dead_letters
from shared.ports.queue import AlteredError, Outgoing
from zigzag import SendError, send, task
from zigzag.in_place import run_in_place
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.virtual_time import virtual_runner

URL = "https://sqs.us-east-1.amazonaws.com/1/tasks"
FIFO_URL = URL + ".fifo"


@task
def count(payload: dict[str, Any]) -> None: ...


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def a_message(body: str, group: str | None = None, **other: Any) -> dict[str, Any]:
    """Returns a message as ReceiveMessage has it. `other` takes the place of what is right."""
    attributes = {"ApproximateReceiveCount": "1", **({"MessageGroupId": group} if group else {})}
    right = {"MessageId": body, "ReceiptHandle": "h", "MD5OfBody": md5(body), "Attributes": attributes}
    return {"Body": body, **right, **other}


def received(messages: list[Any], url: str = URL) -> list[str]:
    queue = SqsQueue(Answering({"Messages": messages}), url)
    return [delivery.body for delivery in run_in_place(queue.receive(10, 0, 120))]


ALTERED = {
    "another body": {"MD5OfBody": md5("another")},
    "no word of its body": {"MD5OfBody": None},
    "attributes that nobody sent": {"MD5OfMessageAttributes": md5("x")},
    "no word of its attributes": {"MessageAttributes": {"a": {"DataType": "String", "StringValue": "b"}}},
}

ODD = {
    "a text": "x",
    "no body": {"ReceiptHandle": "h", "MessageId": "m"},
    "a body that is null": a_message("x", Body=None),
    "no receipt handle": a_message("x", ReceiptHandle=None),
    "no MessageId": a_message("x", MessageId=7),
    "attributes that are a number": a_message("x", Attributes=7),
    "a time that is none": a_message("x", Attributes={"SentTimestamp": "soon"}),
    "a first time that is none": a_message("x", Attributes={"ApproximateFirstReceiveTimestamp": "soon"}),
    "a first time that can't be": a_message("x", Attributes={"ApproximateFirstReceiveTimestamp": "-5"}),
    "a count that is none": a_message("x", Attributes={"ApproximateReceiveCount": "often"}),
    "attributes that are a list": a_message("x", MessageAttributes=[1]),
    "an attribute that is a text": a_message("x", MessageAttributes={"a": "b"}),
    "an attribute without a type": a_message("x", MessageAttributes={"a": {"StringValue": "b"}}),
}


class TestReceive:
    """Each message stands alone: one that can't be read is left, and is not run as something else."""

    @pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
    def test_a_message_that_is_not_understood_fails_no_other(
        self, odd: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert received([a_message("a"), odd, a_message("b")]) == ["a", "b"]
        assert [record.message for record in caplog.records] == ["message left: it can't be read"]

    @pytest.mark.parametrize("altered", ALTERED.values(), ids=ALTERED)
    def test_a_message_that_was_altered_is_left(
        self, altered: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        assert received([a_message("a"), a_message("x", **altered), a_message("b")]) == ["a", "b"]
        assert [record.message for record in caplog.records] == ["message left: it can't be read"]

    def test_in_a_fifo_group_none_overtakes_one_that_is_left(self) -> None:
        altered = a_message("a2", "a", MD5OfBody=md5("x"))

        rest = [a_message("b1", "b"), a_message("a3", "a"), a_message("b2", "b")]
        assert received([a_message("a1", "a"), altered, *rest], FIFO_URL) == ["a1", "b1", "b2"]

    def test_none_is_taken_from_a_fifo_queue_behind_one_whose_group_is_not_known(self) -> None:
        assert received([a_message("a1", "a"), "odd", a_message("b1", "b")], FIFO_URL) == ["a1"]

    def test_an_attribute_that_is_no_base64_fails_no_other_message(self, endpoint: HttpEndpoint) -> None:
        odd = a_message("x", MessageAttributes={"a": {"DataType": "Binary", "BinaryValue": "é"}})
        written = json.dumps({"Messages": [a_message("a"), odd, a_message("b")]}).encode()
        endpoint.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(written), written)

        with in_place(LEAN) as transport:
            deliveries = run_in_place(SqsQueue(transport, URL).receive(10, 0, 120))

        assert [delivery.body for delivery in deliveries] == ["a", "b"]


class TestSend:
    """SQS's word for what it took is what was sent, or the sender hears of it."""

    @pytest.mark.parametrize(
        "answer",
        [
            {"MD5OfMessageBody": md5("y")},
            {},
            {"MD5OfMessageBody": md5("x"), "MD5OfMessageAttributes": md5("y")},
        ],
        ids=["another body", "no word of it", "attributes that were not sent"],
    )
    def test_another_message_than_was_sent_is_an_error(self, answer: dict[str, Any]) -> None:
        queue = SqsQueue(Answering({"MessageId": "m-1", **answer}), URL)

        with pytest.raises(AlteredError, match="may have been altered on its way") as caught:
            run_in_place(queue.send(Outgoing("x")))
        assert "as m-1" in caught.value.reason
        assert "Send it again only if" in caught.value.reason

    def test_a_lost_attribute_is_an_error(self) -> None:
        queue = SqsQueue(Answering({"MessageId": "m-1", "MD5OfMessageBody": md5("x")}), URL)

        with pytest.raises(AlteredError):
            run_in_place(queue.send(Outgoing("x", {"a": text("b")})))

    def test_a_producer_is_told_how_to_proceed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        altered = SqsQueue(Answering({"MessageId": "m-1", "MD5OfMessageBody": md5("x")}), URL)
        monkeypatch.setenv("ZIGZAG_QUEUE_URL", URL)
        monkeypatch.setattr(send, "queue_at", lambda url: altered)

        with pytest.raises(SendError, match=r"^the message may have been altered.*Send it again only if"):
            count.send({})

    def test_a_dead_letter_that_was_altered_leaves_its_message_on_the_queue(self) -> None:
        runner, clock = virtual_runner()
        queue = MemoryQueue(clock, URL)
        altered = SqsQueue(Answering({"MessageId": "m-1", "MD5OfMessageBody": md5("x")}), URL)
        with runner:
            runner.run(queue.send(Outgoing("a letter")))
            (delivery,) = runner.run(queue.receive(1, 0, 120))
            moved = runner.run(move_to_dead_letters(delivery, Cause("why"), queue, altered, clock, Random(0)))

        assert moved is Move.REFUSED
        assert len(queue) == 1
