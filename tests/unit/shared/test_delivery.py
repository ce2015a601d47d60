"""A delivery, a batch of them, and their way through the worker's event."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
import zlib
from typing import Any

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
    """The event of a batch."""
    event = json.loads(to_event(Batch(deliveries)))
    assert isinstance(event, dict)
    return event


def travelled(*deliveries: Delivery) -> tuple[Delivery, ...]:
    """The deliveries of a batch as they arrive at the worker."""
    return from_event(event_of(*deliveries)).deliveries


def alone(event: Any) -> Delivery:
    """The one delivery in an event."""
    (delivery,) = from_event(event).deliveries
    return delivery


def gzipped(content: bytes, *, more: bytes = b"") -> str:
    """A compressed body, and what may follow it."""
    return base64.b64encode(gzip.compress(content) + more).decode()


def lease(moment: Any) -> dict[str, Any]:
    """A lease as an event has it, all of whose times are that one."""
    return {"ReceivedAt": moment, "StartBy": moment, "Ends": moment}


@pytest.mark.parametrize(
    "delivery",
    [
        pytest.param(a_delivery(lease=LEASE), id="with a lease"),
        pytest.param(a_delivery(), id="without a lease"),
        pytest.param(a_delivery('👋 ünï 漢字 \\ " \t\r\n'), id="emoji, quotes, line ends"),
        pytest.param(a_delivery('{"task": "t", "payload": {}}'), id="an empty payload"),
        pytest.param(a_delivery("not JSON at all"), id="no JSON"),
        pytest.param(a_delivery(attributes={"key": binary(bytes(range(256)))}), id="every byte there is"),
        pytest.param(a_delivery(attributes={"key": binary(b"")}), id="no byte"),
        pytest.param(a_delivery(attributes={"face": text("🙂")}), id="an emoji in an attribute"),
        pytest.param(a_delivery(attributes={f"a{i}": text(str(i)) for i in range(10)}), id="ten attributes"),
        pytest.param(
            a_delivery(system={"MessageGroupId": "g", "AWSTraceHeader": "Root=1"}), id="system attributes"
        ),
    ],
)
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


def test_a_message_received_without_attributes_has_none() -> None:
    (delivery,) = travelled(Delivery({"MessageId": "m", "ReceiptHandle": "h", "Body": "b"}, QUEUE_URL))

    assert delivery.attributes == {}
    assert delivery.receive_count == 1
    assert delivery.sent_at is None


def test_unknown_keys_are_ignored() -> None:
    event = event_of(a_delivery(lease=LEASE))
    event |= {"Colour": "blue"}
    event["Message"] |= {"Shape": "round"}
    event["Lease"] |= {"Mood": "good"}

    delivery = alone(event)

    assert delivery.body == a_delivery().body
    assert delivery.lease == LEASE


def test_only_the_body_must_be_there() -> None:
    delivery = alone({"Message": {"Body": "hello"}})

    assert (delivery.body, delivery.queue_url, delivery.lease) == ("hello", None, None)
    assert delivery.message_id == "unknown"
    assert not delivery.can_be_settled


@pytest.mark.parametrize(
    ("event", "can_be_settled"),
    [
        pytest.param({"QueueUrl": "u", "Message": {"Body": "b", "ReceiptHandle": "h"}}, True, id="both"),
        pytest.param({"QueueUrl": "u", "Message": {"Body": "b"}}, False, id="no handle"),
        pytest.param({"Message": {"Body": "b", "ReceiptHandle": "h"}}, False, id="no queue"),
    ],
)
def test_a_delivery_can_be_settled_if_its_queue_and_handle_are_known(
    event: dict[str, Any], can_be_settled: bool
) -> None:
    assert alone(event).can_be_settled is can_be_settled


def test_a_delivery_tells_what_sqs_knows_of_it() -> None:
    system = {
        "SentTimestamp": "1800000000123",
        "MessageGroupId": "group",
        "AWSTraceHeader": "Root=1",
        "MessageDeduplicationId": "d",
    }

    delivery = a_delivery(receives=7, system=system)

    assert delivery.receive_count == 7
    assert delivery.sent_at == 1_800_000_000.123
    assert (delivery.group, delivery.trace_header, delivery.from_fifo) == ("group", "Root=1", True)


def test_a_group_alone_makes_no_fifo_queue() -> None:
    assert not a_delivery(system={"MessageGroupId": "a fair queue's"}).from_fifo


class TestBatch:
    """What one dispatch carries."""

    @pytest.mark.parametrize("number", [1, 2, 10])
    @pytest.mark.parametrize("lease", [LEASE, None], ids=["a lease", "no lease"])
    def test_it_arrives_whole_and_in_order(self, number: int, lease: Lease | None) -> None:
        deliveries = tuple(a_delivery(f"body {n}", lease=lease, MessageId=f"m-{n}") for n in range(number))

        batch = from_event(event_of(*deliveries))

        assert batch == Batch(deliveries)
        assert (batch.lease, batch.queue_url) == (lease, QUEUE_URL)

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
        # Given the longest body whose event fits
        longest = "x" * (MAX_EVENT_BYTES - len(to_event(Batch((a_delivery(""),)))))

        # Then it is plain
        assert event_of(a_delivery(longest))["Message"]["Body"] == longest
        # And with one character more it is not
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

    def test_what_does_not_fit_compressed_stays_plain_and_too_long(self) -> None:
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
    """Whoever may invoke the worker may send it anything; it gets words back."""

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(None, id="nothing"),
            pytest.param([], id="a list"),
            pytest.param("hello", id="a text"),
            pytest.param({}, id="empty"),
            pytest.param({"Records": [{"body": "x"}]}, id="an event source mapping's"),
            pytest.param({"Message": "hello"}, id="a message that is a text"),
            pytest.param({"Message": {}}, id="no body"),
            pytest.param({"Message": {"Body": {"task": "hello"}}}, id="a body that is no text"),
            pytest.param({"Message": {"BodyGzip": 7}}, id="a compressed body that is no text"),
            pytest.param({"Messages": {"Body": "b"}}, id="messages that are no list"),
            pytest.param({"Messages": "hello"}, id="messages that are a text"),
            pytest.param({"Messages": []}, id="no messages"),
            pytest.param({"Messages": [{"Body": "b"}] * 11}, id="eleven messages"),
            pytest.param({"Messages": [{"Body": "b"}, {}]}, id="one of them without a body"),
            pytest.param({"Messages": [{"Body": "b"}, None]}, id="one of them nothing"),
            pytest.param({"Messages": [[{"Body": "b"}]]}, id="one of them a list"),
            pytest.param(
                {"Message": {"Body": "a"}, "Messages": [{"Body": "b"}]}, id="a message and messages"
            ),
        ],
    )
    def test_an_event_that_is_no_dispatch_is_refused_with_what_it_needs(self, event: Any) -> None:
        with pytest.raises(
            BadEventError, match=r"needs .*Message.*Body.* as in events/worker-dispatch\.json, .*Messages"
        ):
            from_event(event)

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param({"Message": {"Body": "b"}, "Lease": {"Ends": 1}}, id="half a lease"),
            pytest.param({"Message": {"Body": "b"}, "Lease": "forever"}, id="a lease that is a text"),
            pytest.param(
                {"Message": {"Body": "b", "MessageAttributes": {"a": {"BinaryValue": "%%%"}}}}, id="no base64"
            ),
            pytest.param(
                {"Message": {"Body": "b", "MessageAttributes": {"a": "text"}}}, id="a bare attribute"
            ),
            pytest.param({"Message": {"Body": "b", "MessageAttributes": ["a"]}}, id="a list of attributes"),
            pytest.param(
                {"Message": {"Body": "b", "Attributes": {"ApproximateReceiveCount": "often"}}}, id="no count"
            ),
            pytest.param({"Message": {"Body": "b", "Attributes": {"SentTimestamp": "early"}}}, id="no time"),
            pytest.param({"Message": {"Body": "b", "Attributes": "none"}}, id="system attributes as a text"),
            pytest.param(
                {"Message": {"Body": "b", "Attributes": {"MessageGroupId": ["g"]}}}, id="a group as a list"
            ),
            pytest.param(
                {"Message": {"Body": "b", "Attributes": {"SentTimestamp": 10**400}}}, id="no such time"
            ),
            pytest.param(
                {"Message": {"Body": "b", "Attributes": {"SentTimestamp": 10**18}}}, id="no such year"
            ),
            pytest.param({"Message": {"Body": "b", "Attributes": {"SentTimestamp": "-1"}}}, id="before 1970"),
            pytest.param(
                {"Message": {"Body": "b", "Attributes": {"ApproximateReceiveCount": "-1"}}},
                id="never received",
            ),
            pytest.param({"Message": {"Body": "b"}, "Lease": lease(float("nan"))}, id="a lease of no number"),
            pytest.param({"Message": {"Body": "b"}, "Lease": lease(float("inf"))}, id="a lease without end"),
            pytest.param(
                {"Message": {"Body": "b"}, "Lease": lease(10**400)}, id="a lease beyond all numbers"
            ),
            pytest.param({"Message": {"Body": "b"}, "Lease": lease(None)}, id="a lease of nothing"),
            pytest.param({"Message": {"Body": "b"}, "Lease": [1, 2, 3]}, id="a lease as a list"),
            pytest.param({"Message": {"Body": "b"}, "QueueUrl": ["u"]}, id="a list of queues"),
            pytest.param({"Message": {"Body": "b", "ReceiptHandle": {}}}, id="a handle that is no text"),
            pytest.param({"Message": {"Body": "\ud800"}}, id="a body that is no Unicode"),
            pytest.param({"Message": {"Body": "b"}, "QueueUrl": "\ud800"}, id="a queue that is no Unicode"),
            pytest.param(
                {"Message": {"Body": "b", "MessageAttributes": {"task": {"StringValue": ["x"]}}}},
                id="an attribute whose text is a list",
            ),
            pytest.param(
                {"Message": {"Body": "b", "MessageAttributes": {"a": {"BinaryValue": 7}}}}, id="no bytes"
            ),
            pytest.param(
                {"Message": {"Body": "b", "MessageAttributes": {"\ud800": {}}}}, id="a name that is none"
            ),
            pytest.param(
                {"Messages": [{"Body": "b"}, {"Body": "b", "Attributes": "none"}]}, id="in the second"
            ),
        ],
    )
    def test_an_event_with_a_part_that_cant_be_read_is_refused(self, event: Any) -> None:
        with pytest.raises(BadEventError, match=r"^the event is no dispatch: "):
            from_event(event)

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            pytest.param("%%%", "Only base64 data is allowed", id="no base64"),
            pytest.param("é", "only ASCII", id="no ASCII"),
            pytest.param(base64.b64encode(b"hello").decode(), "no gzip", id="no gzip"),
            pytest.param("", "not one gzip file", id="nothing"),
            pytest.param(gzipped(b"hello")[:-8], "not one gzip file", id="its end is missing"),
            pytest.param(gzipped(b"hello", more=b"x"), "not one gzip file", id="more behind its end"),
            pytest.param(gzipped(b"a", more=gzip.compress(b"b")), "not one gzip file", id="two of them"),
            pytest.param(gzipped(b"\xff"), "can't decode byte", id="no UTF-8"),
            pytest.param(
                gzipped(b"x" * 1_048_577), "more than 1,048,576 bytes", id="a byte more than SQS takes"
            ),
        ],
    )
    def test_a_compressed_body_that_cant_be_inflated_is_refused_in_words(self, body: str, why: str) -> None:
        with pytest.raises(BadEventError, match=f"^the event is no dispatch: .*{why}"):
            from_event({"Messages": [{"Body": "b"}, {"BodyGzip": body}]})

    def test_a_bomb_is_not_inflated(self) -> None:
        # Given a body of a few thousand bytes that stands for twenty million
        squeezed = zlib.compressobj(9, wbits=31)
        bomb = b"".join([*(squeezed.compress(bytes(1_000_000)) for _ in range(20)), squeezed.flush()])
        event = {"Messages": [{"BodyGzip": base64.b64encode(bomb).decode()}] * 10}

        # When it is read
        tracemalloc.start()
        with pytest.raises(BadEventError, match="more than 1,048,576 bytes"):
            from_event(event)
        _, most_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        # Then the memory did not fill
        assert most_bytes < 8_000_000

    def test_counts_may_be_numbers_as_a_person_writes_them(self) -> None:
        system = {"ApproximateReceiveCount": 3, "SentTimestamp": 1_767_225_600_000}

        delivery = alone({"Message": {"Body": "b", "Attributes": system}})

        assert (delivery.receive_count, delivery.sent_at) == (3, 1_767_225_600.0)


def test_an_event_of_which_some_messages_have_no_receipt_handle_is_refused() -> None:
    messages = [{"Body": "{}", "ReceiptHandle": "handle-1"}, {"Body": "{}"}]

    with pytest.raises(BadEventError, match="some of its messages have a `ReceiptHandle` and some have none"):
        from_event({"QueueUrl": QUEUE_URL, "Messages": messages})
