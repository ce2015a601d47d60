"""The `Queue` port: the shipped queue in memory and the adapter on SQS keep the same promises.

`tests/contract/recorded` has how SQS keeps them in each case, and what it refuses.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.support import text
from tests.worlds import SandboxWorld, World

from shared.dead_letter import MAX_MESSAGE_BYTES
from shared.delivery import Delivery
from shared.ports.queue import Outgoing, QueueError, Refused


def send(world: World, *bodies: str, **options: Any) -> list[str]:
    return [world.run(world.queue.send(Outgoing(body, **options))) for body in bodies]


def receive(world: World, most: int = 10, wait_seconds: int = 0, lease_seconds: int = 60) -> list[Delivery]:
    return world.run(world.queue.receive(most, wait_seconds, lease_seconds))


def delivered(world: World, body: str = "hello", **options: Any) -> Delivery:
    send(world, body, **options)
    return receive(world)[0]


def postpone(world: World, seconds: int, *deliveries: Delivery) -> list[Refused]:
    return world.run(world.queue.change_visibility(deliveries, seconds))


class TestDelivery:
    """A message arrives as it was sent."""

    @pytest.mark.parametrize("body", ["👋 漢字", '{"task": "t"}', "\t\r\n line\n", "<&>\"'\\"])
    def test_the_body_arrives_as_it_was_sent(self, world: World, body: str) -> None:
        assert delivered(world, body).body == body

    def test_ten_attributes_arrive_as_they_were_sent_bytes_too(self, world: World) -> None:
        attributes = {
            **{f"a{number}": text(f"🙂{number}") for number in range(8)},
            "bytes": {"DataType": "Binary.png", "BinaryValue": bytes(range(256))},
            "Number": {"DataType": "Number.int", "StringValue": "7"},
        }

        assert delivered(world, attributes=attributes).attributes == attributes

    def test_a_message_without_attributes_has_none(self, world: World) -> None:
        assert delivered(world).attributes == {}

    def test_a_delivery_knows_its_message_queue_and_count(self, world: World) -> None:
        (message_id,) = send(world, "hello")
        before = world.now()

        (delivery,) = receive(world)

        assert delivery.message_id == message_id
        assert delivery.receive_count == 1
        assert delivery.sent_at == pytest.approx(before, abs=2)
        assert delivery.can_be_settled
        assert not delivery.from_fifo

    def test_group_and_trace_go_along(self, world: World) -> None:
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"

        delivery = delivered(world, group="tenant-1", trace_header=trace)

        assert (delivery.group, delivery.trace_header) == ("tenant-1", trace)

    def test_a_delivery_brings_its_lease(self, world: World) -> None:
        send(world, "hello")
        before = world.now()

        (delivery,) = receive(world, lease_seconds=100)

        assert delivery.lease is not None
        assert delivery.lease.received_at == pytest.approx(before, abs=2)
        assert delivery.lease.ends == delivery.lease.received_at + 100


class TestReceive:
    """A receive brings what is there, as soon as it is."""

    def test_a_receive_brings_at_most_what_was_asked_for(self, world: World) -> None:
        send(world, "one", "two", "three")

        assert len(receive(world, 2)) == 2

    def test_a_receive_waits_for_the_first_message_as_long_as_told(self, world: World) -> None:
        send(world, "late", delay_seconds=1)
        assert receive(world) == []

        assert len(receive(world, wait_seconds=3)) == 1

    def test_a_message_whose_lease_ends_comes_again_with_another_handle(self, world: World) -> None:
        send(world, "hello")
        (first,) = receive(world, lease_seconds=1)

        world.pass_time(1.1)
        (second,) = receive(world)

        assert second.message_id == first.message_id
        assert second.receipt_handle != first.receipt_handle
        assert (first.receive_count, second.receive_count) == (1, 2)


class TestSettled:
    """A message is deleted, or hidden for some seconds from now: later, or sooner."""

    def test_a_batch_is_deleted_in_one_call(self, world: World) -> None:
        send(world, *(f"{number}" for number in range(10)))

        assert world.run(world.queue.delete(receive(world))) == []
        assert world.run(world.queue.in_flight()) == 0

    def test_it_is_visible_when_its_time_has_come(self, world: World) -> None:
        delivery = delivered(world)

        assert postpone(world, 1, delivery) == []

        assert receive(world) == []
        world.pass_time(1.1)
        assert len(receive(world)) == 1

    def test_a_deleted_message_cant_be_postponed_and_the_others_are(self, world: World) -> None:
        send(world, "one", "two")
        one, two = receive(world)
        world.run(world.queue.delete([one]))

        (failed,) = postpone(world, 0, one, two)

        assert failed.delivery is one
        assert failed.code
        assert failed.reason
        assert [again.message_id for again in receive(world)] == [two.message_id]

    def test_in_memory_a_superseded_handle_extends_nothing(self) -> None:
        """SQS may do either. `tests/contract/recorded` has the other, which is all that moto does."""
        world = SandboxWorld()
        send(world, "hello")
        (first,) = receive(world, lease_seconds=1)
        world.pass_time(1)
        receive(world)

        (failed,) = postpone(world, 0, first)

        assert failed.code == "InvalidParameterValue"
        assert receive(world) == []
        world.close()


class TestInFlight:
    """Received and not yet deleted or visible again."""

    def test_the_count(self, world: World) -> None:
        counts = [world.run(world.queue.in_flight())]
        send(world, "one", "two", "three")
        counts.append(world.run(world.queue.in_flight()))
        one, two, three = receive(world)
        counts.append(world.run(world.queue.in_flight()))
        world.run(world.queue.delete([one]))
        counts.append(world.run(world.queue.in_flight()))
        postpone(world, 0, two)
        postpone(world, 600, three)
        counts.append(world.run(world.queue.in_flight()))

        assert counts == [0, 0, 3, 2, 1]

    def test_a_message_that_was_never_received_does_not_count(self, world: World) -> None:
        send(world, "later", delay_seconds=600)

        assert world.run(world.queue.in_flight()) == 0


class TestRefusals:
    """A refusal of SQS's is a QueueError, with its code and words."""

    def test_a_body_of_1_mib_is_taken_and_a_byte_more_is_not(self, world: World) -> None:
        send(world, "x" * MAX_MESSAGE_BYTES)

        with pytest.raises(QueueError) as caught:
            send(world, "x" * (MAX_MESSAGE_BYTES + 1))
        assert caught.value.code == "InvalidParameterValue"
        assert "shorter than 1048576 bytes" in caught.value.reason

    def test_an_empty_batch(self, world: World) -> None:
        with pytest.raises(QueueError) as caught:
            world.run(world.queue.delete([]))
        assert caught.value.code == "AWS.SimpleQueueService.EmptyBatchRequest"
