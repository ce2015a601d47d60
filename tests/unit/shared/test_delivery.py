"""A delivery, and its way through the worker's event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support import QUEUE_URL, a_delivery, binary, text

from shared.delivery import BadEventError, Delivery, from_event, to_event
from shared.lease import Lease

LEASE = Lease.taken(1_800_000_000.25)


def travelled(delivery: Delivery) -> Delivery:
    """The delivery as it arrives at the worker."""
    return from_event(json.loads(to_event(delivery)))


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
    assert travelled(delivery) == delivery


def test_the_event_is_the_patterns_own_with_our_lease() -> None:
    delivery = a_delivery("hello", attributes={"raw": binary(b"\x00\xff")}, lease=LEASE)

    event = json.loads(to_event(delivery))

    assert event == {
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
    grown = len(to_event(a_delivery("🙂" * 100))) - len(to_event(a_delivery("")))

    assert grown == 400


def test_a_message_received_without_attributes_has_none() -> None:
    delivery = Delivery({"MessageId": "m", "ReceiptHandle": "h", "Body": "b"}, QUEUE_URL)

    assert travelled(delivery).attributes == {}
    assert travelled(delivery).receive_count == 1
    assert travelled(delivery).sent_at is None


def test_unknown_keys_are_ignored() -> None:
    event = json.loads(to_event(a_delivery(lease=LEASE)))
    event |= {"Colour": "blue"}
    event["Message"] |= {"Shape": "round"}
    event["Lease"] |= {"Mood": "good"}

    delivery = from_event(event)

    assert delivery.body == a_delivery().body
    assert delivery.lease == LEASE


def test_only_the_body_must_be_there() -> None:
    delivery = from_event({"Message": {"Body": "hello"}})

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
    assert from_event(event).can_be_settled is can_be_settled


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
    ],
)
def test_an_event_that_is_no_dispatch_is_refused_with_what_it_needs(event: Any) -> None:
    with pytest.raises(BadEventError, match=r"needs .*Message.*Body.* as in events/worker-dispatch\.json"):
        from_event(event)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"Message": {"Body": "b"}, "Lease": {"Ends": 1}}, id="half a lease"),
        pytest.param({"Message": {"Body": "b"}, "Lease": "forever"}, id="a lease that is a text"),
        pytest.param(
            {"Message": {"Body": "b", "MessageAttributes": {"a": {"BinaryValue": "%%%"}}}}, id="no base64"
        ),
        pytest.param({"Message": {"Body": "b", "MessageAttributes": {"a": "text"}}}, id="a bare attribute"),
        pytest.param({"Message": {"Body": "b", "MessageAttributes": ["a"]}}, id="a list of attributes"),
        pytest.param(
            {"Message": {"Body": "b", "Attributes": {"ApproximateReceiveCount": "often"}}}, id="no count"
        ),
        pytest.param({"Message": {"Body": "b", "Attributes": {"SentTimestamp": "early"}}}, id="no time"),
        pytest.param({"Message": {"Body": "b", "Attributes": "none"}}, id="system attributes as a text"),
    ],
)
def test_an_event_with_a_part_that_cant_be_read_is_refused(event: Any) -> None:
    with pytest.raises(BadEventError, match=r"^the event is no dispatch: "):
        from_event(event)
