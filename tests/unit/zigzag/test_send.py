"""Sending: a message's body, and its way onto the queue."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import QUEUE_URL, World, a_delivery, text

from shared.aws.transport import NoAnswerError
from shared.delivery import MAX_EVENT_BYTES, Batch, to_event
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Meaning
from zigzag import (
    BadPayloadError,
    PayloadTooLargeError,
    SendError,
    TaskDefinitionError,
    aws,
    remote,
    send,
    task,
)
from zigzag.extra import publish
from zigzag.outbox import url_of
from zigzag_testing.memory_queue import MemoryQueue

FIFO_URL = QUEUE_URL + ".fifo"
FIFO_ID_CHARACTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)
"""As SQS lists them: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


@task
def collect(payload: dict[str, Any]) -> None:
    pass


def sent_to_fifo(world: World, **options: Any) -> Outgoing:
    """Returns the message that a FIFO queue got."""
    queue = MemoryQueue(world.clock, FIFO_URL)
    with send.sending_to(queue):
        collect.send({}, **options)
    return queue.messages[0]


def refused(world: World, url: str, **options: Any) -> str:
    """Returns why no message is sent to a queue of that URL. Checks that none was."""
    queue = MemoryQueue(world.clock, url)
    with send.sending_to(queue), pytest.raises(SendError) as caught:
        collect.send({}, **options)
    assert len(queue) == 0
    return str(caught.value)


@task(queue="urgent")
def hurry(payload: dict[str, Any]) -> None:
    pass


class TestQueue:
    """The queue that a name means."""

    @pytest.fixture(autouse=True)
    def _stack(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZIGZAG_QUEUE_URL", QUEUE_URL)
        monkeypatch.setenv("ZIGZAG_QUEUES", "urgent:6=https://sqs.test/urgent bulk=https://sqs.test/bulk")

    @pytest.mark.parametrize(
        ("queue", "url"),
        [
            (None, QUEUE_URL),
            ("default", QUEUE_URL),
            ("bulk", "https://sqs.test/bulk"),
            ("https://sqs.test/another-stacks", "https://sqs.test/another-stacks"),
        ],
    )
    def test_it_is_the_stacks_or_the_one_with_that_url(self, queue: str | None, url: str) -> None:
        assert url_of(queue) == url

    @pytest.mark.parametrize("queue", ["urgnt", "Urgent", "", 5, []])
    def test_one_that_is_not_there_is_refused_with_those_that_are(self, queue: Any) -> None:
        with pytest.raises(SendError) as caught:
            collect.send({}, queue=queue)

        assert str(caught.value) == (
            f"there is no queue {queue!r}, only default, urgent, bulk: name one of these, or give its URL"
        )

    def test_a_wrong_variable_is_named_with_what_it_may_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZIGZAG_QUEUES", "urgent")

        with pytest.raises(SendError, match=r"^ZIGZAG_QUEUES is wrong; it may be `urgent=https://"):
            hurry.send({})

    @pytest.mark.parametrize("queue", ["", "ur-gent", "sqs.test/urgent", 5])
    def test_a_task_that_names_what_can_be_none_is_no_task(self, queue: Any) -> None:
        for define in (task(queue=queue), lambda function: remote("hurry", dict[str, Any], queue=queue)):
            with pytest.raises(TaskDefinitionError) as caught:
                define(hurry.function)

            assert str(caught.value) == (
                f"queue of hurry is {queue!r}; it may be a queue's name, of letters and digits, or its URL"
            )


class TestEncode:
    """The body that a message has."""

    def test_an_emoji_is_sent_as_it_is(self) -> None:
        assert "🙂" in send.encode("collect", {"face": "🙂"})

    @pytest.mark.parametrize(
        "character",
        [0x00, 0x08, 0x1F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF],
        ids="U+{:04X}".format,
    )
    def test_a_character_that_sqs_refuses_arrives_all_the_same(self, character: int) -> None:
        payload = {"text": f"a{chr(character)}🙂b"}

        body = send.encode("collect", payload)

        allowed = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
        assert allowed.fullmatch(body)
        assert json.loads(body)["payload"] == payload

    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param({"a": float("nan")}, id="NaN"),
            pytest.param({"a": datetime(2026, 1, 1, tzinfo=UTC)}, id="a datetime"),
            pytest.param({(1, 2): 3}, id="a key that is a tuple"),
        ],
    )
    def test_a_payload_that_is_no_json_is_refused(self, payload: dict[Any, Any]) -> None:
        with pytest.raises(BadPayloadError, match=r"^the payload for collect can't be written as JSON: "):
            send.encode("collect", payload)

    def test_a_payload_that_holds_itself_is_refused(self) -> None:
        payload: dict[str, Any] = {}
        payload["self"] = payload

        with pytest.raises(BadPayloadError, match="can't be written as JSON"):
            send.encode("collect", payload)

    def test_an_id_that_the_worker_would_refuse_is_refused(self) -> None:
        with pytest.raises(SendError, match="`id` is empty"):
            send.encode("collect", {}, id="")


class TestSize:
    """A message too large for an asynchronous invoke is not sent. Escaping counts."""

    @pytest.mark.parametrize(
        ("character", "bytes_each"),
        [
            pytest.param("x", 1, id="ASCII"),
            pytest.param("é", 2, id="two bytes"),
            pytest.param("🙂", 4, id="an emoji"),
            pytest.param('"', 4, id="a quote, escaped in the body and again in the event"),
            pytest.param("\n", 3, id="a line end, escaped in the body and again in the event"),
            pytest.param("\x00", 7, id="a control character"),
        ],
    )
    def test_the_longest_that_is_sent_fits_the_event_with_its_envelope(
        self, character: str, bytes_each: int
    ) -> None:
        # Given the longest text that leaves room for the envelope
        empty = len(json.dumps(send.encode("collect", {"text": ""})))
        longest = (MAX_EVENT_BYTES - send.ENVELOPE_BYTES - empty) // bytes_each

        # Then it can be sent, and dispatched
        body = send.encode("collect", {"text": character * longest})
        event = to_event(Batch((a_delivery(body, attributes={"user": text("x" * 5000)}),)))
        assert MAX_EVENT_BYTES - send.ENVELOPE_BYTES < len(event) <= MAX_EVENT_BYTES

        # And one character more can't
        with pytest.raises(PayloadTooLargeError):
            send.encode("collect", {"text": character * (longest + 1)})

    def test_a_message_too_large_says_what_to_do(self) -> None:
        with pytest.raises(PayloadTooLargeError, match=r"takes 1,000,0\d\d bytes; at most 990,000 .* S3"):
            send.encode("collect", {"text": "x" * 1_000_000})


class TestPut:
    """The way onto the queue."""

    def test_within_sending_to_messages_go_there(self, world: World) -> None:
        with send.sending_to(world.queue):
            message_id = collect.send({"a": 1}, id="order-7", delay_seconds=5)

        (message,) = world.queue.messages
        assert message_id == "message-1"
        written = {"task": "collect", "payload": {"a": 1}, "id": "order-7", "delay_seconds": 5}
        assert json.loads(message.body) == written
        assert (message.delay_seconds, message.attributes) == (5, {})

    def test_one_within_another_ends_where_it_ends(self, world: World) -> None:
        other = MemoryQueue(world.clock)

        with send.sending_to(world.queue):
            with send.sending_to(other):
                collect.send({})
            collect.send({})

        assert (len(world.queue), len(other)) == (1, 1)

    def test_a_task_goes_to_the_queue_that_it_names_or_that_the_send_names(self, world: World) -> None:
        queues = {name: MemoryQueue(world.clock) for name in ("urgent", "bulk")}

        with send.sending_to(world.queue, queues.__getitem__):
            collect.send({})
            collect.send({}, queue="bulk")
            hurry.send({})
            hurry.send({}, queue="bulk")
            remote("collect", dict[str, Any], queue="urgent").send({})

        assert [len(queue) for queue in (world.queue, *queues.values())] == [1, 2, 2]

    def test_a_queue_in_the_place_of_all_takes_what_names_another(self, world: World) -> None:
        with send.sending_to(world.queue):
            hurry.send({})

        assert len(world.queue) == 1

    def test_without_the_queues_url_the_error_names_the_variable_and_what_it_may_be(self) -> None:
        with pytest.raises(SendError) as caught:
            collect.send({})

        says = "ZIGZAG_QUEUE_URL is not set; it may be the QueueUrl that `sam deploy` printed"
        assert str(caught.value) == says

    def test_a_delay_that_sqs_does_not_take_is_refused(self, world: World) -> None:
        with send.sending_to(world.queue), pytest.raises(SendError, match="SQS takes 0 to 900"):
            collect.send({}, delay_seconds=-1)

        assert len(world.queue) == 0

    @pytest.mark.parametrize("delay", [1.5, 1000.5, "5", None, True])
    def test_a_delay_that_is_no_whole_number_is_refused(self, world: World, delay: Any) -> None:
        says = re.escape(f"delay_seconds is {delay!r}; it must be a whole number")
        with send.sending_to(world.queue):
            with pytest.raises(SendError, match=says):
                collect.send({}, delay_seconds=delay)
            with pytest.raises(SendError, match=says):
                collect.send_many([{}], delay_seconds=delay)

        assert len(world.queue) == 0

    def test_a_refusal_of_the_queue_is_an_error_of_sending(self, world: World) -> None:
        world.queue.broken = {"send"}

        with send.sending_to(world.queue), pytest.raises(SendError, match="the queue refused the message: S"):
            collect.send({})

    def test_without_an_answer_nobody_says_that_it_is_refused(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Silent(MemoryQueue):
            async def send(self, message: Outgoing) -> str:
                raise QueueError("ReadTimeout", "no answer", Meaning.AMBIGUOUS)

        class SilentTopic:
            async def call(self, *_: object) -> None:
                raise NoAnswerError("ReadTimeout", "no answer")

        with (
            send.sending_to(Silent(world.clock)),
            pytest.raises(SendError, match="the queue may have the mes"),
        ):
            collect.send({})
        monkeypatch.setattr(publish, "_transport", lambda region: SilentTopic())
        with pytest.raises(SendError, match="the topic may have the message: ReadTimeout"):
            collect.publish({}, topic="arn:aws:sns:eu-west-1:123456789012:all")


class TestGroups:
    """Arguments that a FIFO queue needs, and those that only it takes."""

    def test_a_standard_queue_takes_a_group_too_and_shares_fairly_by_it(self, world: World) -> None:
        with send.sending_to(world.queue):
            collect.send({}, group="customer-7", id="order-1", delay_seconds=5)

        (message,) = world.queue.messages
        assert (message.group, message.deduplication_id, message.delay_seconds) == ("customer-7", None, 5)

    def test_without_a_group_a_fifo_queue_gets_nothing_and_the_error_says_what_to_name(
        self, world: World
    ) -> None:
        says = refused(world, FIFO_URL)

        assert says == (
            "the queue is FIFO, and the message has no group; name one, such as a customer's number: "
            "tasks of one group run one after the other, in the order sent"
        )

    def test_a_fifo_queue_delays_no_single_message(self, world: World) -> None:
        assert "takes no delay_seconds" in refused(world, FIFO_URL, group="g", delay_seconds=1)

    def test_a_standard_queue_takes_no_deduplication_id(self, world: World) -> None:
        assert "takes no deduplication_id" in refused(world, QUEUE_URL, deduplication_id="d")

    @pytest.mark.parametrize("option", ["group", "deduplication_id"])
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param("", id="empty"),
            pytest.param("x" * 129, id="too long"),
            pytest.param("two words", id="a space"),
            pytest.param("line\n", id="a line end"),
            pytest.param("caf\u00e9", id="not ASCII"),
            pytest.param("\x7f", id="a control character"),
            pytest.param(7, id="a number"),
        ],
    )
    def test_a_text_that_sqs_does_not_take_is_refused_in_words(
        self, world: World, option: str, value: Any
    ) -> None:
        says = refused(world, FIFO_URL, **{"group": "g", option: value})

        assert says == f"{option} may be 1 to 128 of ASCII's letters, digits and punctuation, no spaces"

    @pytest.mark.parametrize("option", ["group", "deduplication_id"])
    @pytest.mark.parametrize(
        "value", [FIFO_ID_CHARACTERS, "x", "x" * 128], ids=["every one", "least", "most"]
    )
    def test_a_text_that_sqs_takes_is_sent(self, world: World, option: str, value: str) -> None:
        assert getattr(sent_to_fifo(world, **{"group": "g", option: value}), option) == value


class TestDeduplication:
    """By what a FIFO queue knows that it has a message already: SQS drops the second without a word."""

    def test_the_deduplication_id_is_the_one_given(self, world: World) -> None:
        assert sent_to_fifo(world, group="g", id="order-7", deduplication_id="d").deduplication_id == "d"

    def test_without_one_the_same_id_is_the_same_message(self, world: World) -> None:
        first, again, other = (
            sent_to_fifo(world, group="g", id=id).deduplication_id for id in ("order-7", "order-7", "order-8")
        )

        assert first == again == "collect:order-7"
        assert other != first

    @pytest.mark.parametrize(
        "id",
        [
            pytest.param("order 7", id="a space"),
            pytest.param("x" * 1000, id="too long"),
            pytest.param("\u00e9\U0001f642", id="not ASCII"),
        ],
    )
    def test_an_id_may_be_any_text_all_the_same(self, world: World, id: str) -> None:
        first, again, other = (
            sent_to_fifo(world, group="g", id=one).deduplication_id or "" for one in (id, id, id + "!")
        )

        assert re.fullmatch("[!-~]{1,128}", first)
        assert first == again != other

    def test_without_an_id_the_queue_compares_the_bodies(self, world: World) -> None:
        assert sent_to_fifo(world, group="g").deduplication_id is None


def test_a_message_that_the_queue_would_refuse_is_refused_before_aws_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", FIFO_URL)

    with pytest.raises(SendError, match="the queue is FIFO"):
        collect.send({})


def test_threads_that_send_at_the_same_time_make_one_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def makes(*_: object, **__: object) -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    monkeypatch.setattr("shared.aws.choice.transport_in_place", makes)
    aws.forget()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: aws.transport_to(QUEUE_URL, attempts=3, usual="boto"), range(8)))

    aws.forget()
    assert len(made) == 1


def test_the_queues_of_an_account_in_a_region_share_a_transport_and_so_their_connections() -> None:
    home, same, abroad, others = (
        aws.transport_to(f"https://sqs.{place}", attempts=3, usual="boto")
        for place in (
            "eu-west-1.amazonaws.com/123456789012/one",
            "eu-west-1.amazonaws.com/123456789012/two",
            "us-east-1.amazonaws.com/123456789012/one",
            "eu-west-1.amazonaws.com/210987654321/one",
        )
    )

    assert home is same
    assert len({home, abroad, others}) == 3
