"""A delivery, a batch of them, and their way through the worker's event."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
import zlib
from typing import Any, ClassVar

import pytest
from tests.noise import noise
from tests.support import QUEUE_URL, a_delivery, binary, text

from shared.delivery import (
    MAX_EVENT_BYTES,
    BadEventError,
    Batch,
    Delivery,
    from_event,
    longest_event,
    to_event,
)
from shared.lease import Lease

LEASE = Lease.taken(1_800_000_000.25)
FIFO = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}


def event_of(*deliveries: Delivery) -> dict[str, Any]:
    """Returns the event of a batch."""
    event = json.loads(to_event(Batch(deliveries)))
    assert isinstance(event, dict)
    return event


def travelled(*deliveries: Delivery) -> tuple[Delivery, ...]:
    """Returns the deliveries of a batch as they arrive at the worker."""
    return from_event(event_of(*deliveries)).deliveries


def alone(event: Any) -> Delivery:
    """Returns the one delivery in an event."""
    (delivery,) = from_event(event).deliveries
    return delivery


def gzipped(content: bytes, *, more: bytes = b"") -> str:
    """Returns a compressed body, with an ending if there is one."""
    return base64.b64encode(gzip.compress(content) + more).decode()


def event(body: Any = "b", *, url: Any = None, lease: Any = None, **message: Any) -> dict[str, Any]:
    """Returns an event of one message, as a person may write it."""
    return {"QueueUrl": url, "Lease": lease, "Message": {"Body": body, **message}}


def lease(moment: Any) -> dict[str, Any]:
    """Returns a lease as an event has it, all of whose times are that one."""
    return {"ReceivedAt": moment, "StartBy": moment, "Ends": moment}


ARRIVES = {
    "with a lease": a_delivery(lease=LEASE),
    "emoji, quotes, line ends": a_delivery('👋 ünï 漢字 \\ " \t\r\n'),
    "no JSON": a_delivery("not JSON at all"),
    "every byte there is": a_delivery(attributes={"key": binary(bytes(range(256)))}),
    "no byte": a_delivery(attributes={"key": binary(b"")}),
    "an emoji in an attribute": a_delivery(attributes={"face": text("🙂")}),
    "system attributes": a_delivery(system={"MessageGroupId": "g", "AWSTraceHeader": "Root=1"}),
}


@pytest.mark.parametrize("delivery", ARRIVES.values(), ids=ARRIVES)
def test_a_delivery_arrives_unharmed(delivery: Delivery) -> None:
    assert travelled(delivery) == (delivery,)


def test_the_event_is_the_patterns_own_with_our_lease() -> None:
    delivery = a_delivery("hello", attributes={"raw": binary(b"\x00\xff")}, lease=LEASE)

    assert event_of(delivery) == {
        "QueueUrl": QUEUE_URL,
        "Message": {
            "MessageId": "m-1",
            "ReceiptHandle": "handle-1",
            "Body": "hello",
            "Attributes": {"ApproximateReceiveCount": "1"},
            "MessageAttributes": {"raw": {"DataType": "Binary", "BinaryValue": "AP8="}},
        },
        "Lease": {"ReceivedAt": 1_800_000_000.25, "StartBy": 1_800_000_090.25, "Ends": 1_800_000_120.25},
    }


def test_an_emoji_takes_its_four_bytes_and_no_more() -> None:
    grown = len(to_event(Batch((a_delivery("🙂" * 100),)))) - len(to_event(Batch((a_delivery(""),))))

    assert grown == 400


def test_unknown_keys_are_ignored() -> None:
    found = event_of(a_delivery(lease=LEASE)) | {"Colour": "blue"}
    found["Message"] |= {"Shape": "round"}
    found["Lease"] |= {"Mood": "good"}

    delivery = alone(found)

    assert delivery.body == a_delivery().body
    assert delivery.lease == LEASE


def test_only_the_body_must_be_there() -> None:
    delivery = alone({"Message": {"Body": "hello"}})

    assert (delivery.body, delivery.queue_url, delivery.lease) == ("hello", None, None)
    assert (delivery.message_id, delivery.attributes) == ("unknown", {})
    assert (delivery.receive_count, delivery.sent_at) == (1, None)


@pytest.mark.parametrize(
    ("known", "can_be_settled"),
    [
        ({"url": "u", "ReceiptHandle": "h"}, True),
        ({"url": "u"}, False),
        ({"ReceiptHandle": "h"}, False),
    ],
    ids=str,
)
def test_a_delivery_can_be_settled_if_its_queue_and_handle_are_known(
    known: dict[str, str], can_be_settled: bool
) -> None:
    assert alone(event(**known)).can_be_settled is can_be_settled


def test_a_delivery_tells_what_sqs_knows_of_it() -> None:
    system = {
        "SentTimestamp": "1800000000123",
        "MessageGroupId": "group",
        "AWSTraceHeader": "Root=1;Parent=2;Sampled=1;Lineage=1:a87bd80c:5",
        "MessageDeduplicationId": "d",
    }

    delivery = a_delivery(receives=7, system=system)

    assert delivery.receive_count == 7
    assert delivery.sent_at == 1_800_000_000.123
    assert (delivery.group, delivery.from_fifo) == ("group", True)
    assert delivery.trace_header == "Root=1;Sampled=1"  # never the lineage


class TestBatch:
    """The deliveries that one dispatch carries."""

    @pytest.mark.parametrize("number", [1, 2, 10])
    def test_it_arrives_whole_and_in_order(self, number: int) -> None:
        deliveries = tuple(a_delivery(f"body {n}", lease=LEASE, MessageId=f"m-{n}") for n in range(number))

        batch = from_event(event_of(*deliveries))

        assert batch == Batch(deliveries)
        assert (batch.lease, batch.queue_url) == (LEASE, QUEUE_URL)

    def test_several_travel_as_messages_with_one_lease(self) -> None:
        event = event_of(a_delivery("one", lease=LEASE), a_delivery("two", lease=LEASE))

        assert sorted(event) == ["Lease", "Messages", "QueueUrl"]
        assert [message["Body"] for message in event["Messages"]] == ["one", "two"]

    def test_a_list_of_one_is_a_batch_of_one(self) -> None:
        assert alone({"Messages": [{"Body": "b"}]}).body == "b"

    @pytest.mark.parametrize(
        ("system", "ordered"), [(FIFO, True), ({"MessageGroupId": "a fair queue's"}, False)]
    )
    def test_its_order_counts_on_a_fifo_queue(self, system: dict[str, str], ordered: bool) -> None:
        assert Batch((a_delivery(system=system), a_delivery(system=system))).ordered is ordered


class TestCompressed:
    """An event that would be too long has its bodies compressed."""

    def test_up_to_the_limit_bodies_are_plain_and_beyond_it_compressed(self) -> None:
        longest = "x" * (MAX_EVENT_BYTES - len(to_event(Batch((a_delivery(""),)))))

        assert event_of(a_delivery(longest))["Message"]["Body"] == longest
        message = event_of(a_delivery(longest + "x"))["Message"]
        assert "Body" not in message
        assert gzip.decompress(base64.b64decode(message["BodyGzip"])).decode() == longest + "x"

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param("x" * 1_048_576, id="as long as SQS takes"),
            pytest.param('"' * 600_000, id="quotes, which are escaped"),
            pytest.param("🙂" * 262_144, id="emoji"),
        ],
    )
    def test_a_compressed_body_arrives_unharmed(self, body: str) -> None:
        delivery = a_delivery(body, attributes={"key": binary(b"\x00\xff")}, lease=LEASE)

        assert len(to_event(Batch((delivery,)))) <= MAX_EVENT_BYTES
        assert travelled(delivery) == (delivery,)

    def test_in_a_batch_every_body_is_compressed_or_none(self) -> None:
        short, long = a_delivery("short"), a_delivery("x" * 999_900)

        event = event_of(short, long)

        assert all("BodyGzip" in message and "Body" not in message for message in event["Messages"])
        assert travelled(short, long) == (short, long)

    def test_equal_batches_make_equal_events(self) -> None:
        batch = Batch((a_delivery("x" * MAX_EVENT_BYTES),))

        assert to_event(batch) == to_event(batch)
        # gzip's header: four bytes for a time
        assert base64.b64decode(event_of(*batch.deliveries)["Message"]["BodyGzip"])[4:8] == bytes(4)

    def test_a_body_that_does_not_fit_compressed_stays_plain_and_too_long(self) -> None:
        event = to_event(Batch((a_delivery(noise(1_040_000)),)))

        assert len(event) > MAX_EVENT_BYTES
        assert "Body" in json.loads(event)["Message"]


class TestLongestEvent:
    """How many deliveries fit one event, from the first one on."""

    @pytest.mark.parametrize(
        ("bodies", "number"),
        [
            pytest.param(["x"] * 10, 10, id="all"),
            pytest.param([noise(400_000)] * 3, 2, id="plain, some"),
            pytest.param(["x" * 400_000] * 3, 3, id="compressed, all"),
            pytest.param([noise(1_040_000), "x"], 0, id="not even the first"),
            pytest.param(["x", noise(1_040_000), "x"], 1, id="those in front of what does not fit"),
            pytest.param(["x" * 900_000, noise(700_000, 1), noise(700_000, 2)], 2, id="compressed, some"),
            pytest.param([noise(480_000, 1), noise(480_000, 2), "x" * 400_000], 2, id="plain takes more"),
        ],
    )
    def test_as_many_as_fit(self, bodies: list[str], number: int) -> None:
        deliveries = [a_delivery(body) for body in bodies]

        found, event = longest_event(deliveries)

        assert found == number
        if number:
            assert event == to_event(Batch(tuple(deliveries[:number])))
            assert len(event) <= MAX_EVENT_BYTES
        if number < len(bodies):
            assert len(to_event(Batch(tuple(deliveries[: number + 1])))) > MAX_EVENT_BYTES


class TestHostile:
    """A caller that may invoke the worker may send it anything, and gets an error in words back."""

    NO_DISPATCH: ClassVar = {
        "nothing": None,
        "a list": [],
        "a text": "hello",
        "empty": {},
        "a message that is a text": {"Message": "hello"},
        "no body": {"Message": {}},
        "a body that is no text": event({"task": "hello"}),
        "a compressed body that is no text": {"Message": {"BodyGzip": 7}},
        "messages that are no list": {"Messages": {"Body": "b"}},
        "no messages": {"Messages": []},
        "eleven messages": {"Messages": [{"Body": "b"}] * 11},
        "one of them without a body": {"Messages": [{"Body": "b"}, {}]},
        "one of them nothing": {"Messages": [{"Body": "b"}, None]},
        "one of them a list": {"Messages": [[{"Body": "b"}]]},
        "a message and messages": {"Message": {"Body": "a"}, "Messages": [{"Body": "b"}]},
    }

    @pytest.mark.parametrize("event", NO_DISPATCH.values(), ids=NO_DISPATCH)
    def test_an_event_that_is_no_dispatch_is_refused_with_what_it_needs(self, event: Any) -> None:
        with pytest.raises(
            BadEventError, match=r"needs .*Message.*Body.* as in events/worker-dispatch\.json, .*Messages"
        ):
            from_event(event)

    CANT_BE_READ: ClassVar = {
        "half a lease": event(lease={"Ends": 1}),
        "a lease that is a text": event(lease="forever"),
        "a lease of no number": event(lease=lease(float("nan"))),
        "a lease without end": event(lease=lease(float("inf"))),
        "a lease beyond all numbers": event(lease=lease(10**400)),
        "a lease of nothing": event(lease=lease(None)),
        "no base64": event(MessageAttributes={"a": {"BinaryValue": "%%%"}}),
        "no bytes": event(MessageAttributes={"a": {"BinaryValue": 7}}),
        "a bare attribute": event(MessageAttributes={"a": "text"}),
        "a list of attributes": event(MessageAttributes=["a"]),
        "an attribute whose text is a list": event(MessageAttributes={"task": {"StringValue": ["x"]}}),
        "a name that is none": event(MessageAttributes={"\ud800": {}}),
        "no count": event(Attributes={"ApproximateReceiveCount": "often"}),
        "never received": event(Attributes={"ApproximateReceiveCount": "-1"}),
        "no time": event(Attributes={"SentTimestamp": "early"}),
        "no such time": event(Attributes={"SentTimestamp": 10**400}),
        "no such year": event(Attributes={"SentTimestamp": 10**18}),
        "before 1970": event(Attributes={"SentTimestamp": "-1"}),
        "system attributes as a text": event(Attributes="none"),
        "a group as a list": event(Attributes={"MessageGroupId": ["g"]}),
        "a list of queues": event(url=["u"]),
        "a queue that is no Unicode": event(url="\ud800"),
        "a handle that is no text": event(ReceiptHandle={}),
        "a body that is no Unicode": event("\ud800"),
        "in the second": {"Messages": [{"Body": "b"}, {"Body": "b", "Attributes": "none"}]},
    }

    @pytest.mark.parametrize("event", CANT_BE_READ.values(), ids=CANT_BE_READ)
    def test_an_event_with_a_part_that_cant_be_read_is_refused(self, event: Any) -> None:
        with pytest.raises(BadEventError, match=r"^the event is no dispatch: "):
            from_event(event)

    NOT_INFLATED: ClassVar = {
        "no base64": ("%%%", "Only base64 data is allowed"),
        "no ASCII": ("é", "only ASCII"),
        "no gzip": (base64.b64encode(b"hello").decode(), "no gzip"),
        "nothing": ("", "not one gzip file"),
        "its end is missing": (gzipped(b"hello")[:-8], "not one gzip file"),
        "more behind its end": (gzipped(b"hello", more=b"x"), "not one gzip file"),
        "two of them": (gzipped(b"a", more=gzip.compress(b"b")), "not one gzip file"),
        "no UTF-8": (gzipped(b"\xff"), "can't decode byte"),
        "a byte more than SQS takes": (gzipped(b"x" * 1_048_577), "more than 1,048,576 bytes"),
    }

    @pytest.mark.parametrize(("body", "why"), NOT_INFLATED.values(), ids=NOT_INFLATED)
    def test_a_compressed_body_that_cant_be_inflated_is_refused_in_words(self, body: str, why: str) -> None:
        with pytest.raises(BadEventError, match=f"^the event is no dispatch: .*{why}"):
            from_event({"Messages": [{"Body": "b"}, {"BodyGzip": body}]})

    def test_a_bomb_is_not_inflated(self) -> None:
        # Given a body of a few thousand bytes that stands for twenty million
        squeezed = zlib.compressobj(9, wbits=31)
        bomb = b"".join([*(squeezed.compress(bytes(1_000_000)) for _ in range(20)), squeezed.flush()])
        messages = {"Messages": [{"BodyGzip": base64.b64encode(bomb).decode()}] * 10}

        tracemalloc.start()
        with pytest.raises(BadEventError, match="more than 1,048,576 bytes"):
            from_event(messages)
        _, most_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert most_bytes < 8_000_000

    def test_counts_may_be_numbers_as_a_person_writes_them(self) -> None:
        system = {"ApproximateReceiveCount": 3, "SentTimestamp": 1_767_225_600_000}

        delivery = alone(event(Attributes=system))

        assert (delivery.receive_count, delivery.sent_at) == (3, 1_767_225_600.0)


def test_an_event_of_which_some_messages_have_no_receipt_handle_is_refused() -> None:
    messages = [{"Body": "{}", "ReceiptHandle": "handle-1"}, {"Body": "{}"}]

    with pytest.raises(BadEventError, match="some of its messages have a `ReceiptHandle` and some have none"):
        from_event({"QueueUrl": QUEUE_URL, "Messages": messages})
