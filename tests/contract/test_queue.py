"""The `Queue` port: the shipped queue in memory and the adapter on SQS keep the same promises.

Where moto is known to be wrong, the case is tested on the queue in memory alone, and its source is named.
Where only MiniStack is, the test says what it does instead, and fails once MiniStack does as SQS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import binary, text
from tests.worlds import SandboxWorld, World

from shared.dead_letter import MAX_MESSAGE_BYTES
from shared.delivery import Delivery
from shared.ports.queue import Outgoing, QueueError


@pytest.fixture
def memory() -> Iterator[SandboxWorld]:
    world = SandboxWorld()
    yield world
    world.close()


def send(world: World, *bodies: str, **options: Any) -> list[str]:
    return [world.run(world.queue.send(Outgoing(body, **options))) for body in bodies]


def receive(world: World, most: int = 10, wait_seconds: int = 0, lease_seconds: int = 60) -> list[Delivery]:
    return world.run(world.queue.receive(most, wait_seconds, lease_seconds))


def delivered(world: World, body: str = "hello", **options: Any) -> Delivery:
    send(world, body, **options)
    return receive(world)[0]


class TestDelivery:
    """What is sent is what is received."""

    @pytest.mark.parametrize("body", ["x", "👋 漢字", '{"task": "t"}', "\t\r\n line\n", "<&>\"'\\"])
    def test_the_body_arrives_as_it_was_sent(self, world: World, body: str) -> None:
        assert delivered(world, body).body == body

    def test_ten_attributes_arrive_as_they_were_sent_bytes_too(self, world: World) -> None:
        attributes = {
            **{f"a{number}": text(f"🙂{number}") for number in range(8)},
            "bytes": binary(bytes(range(256))),
            "number": {"DataType": "Number", "StringValue": "7"},
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
    """Who receives what, and when."""

    @pytest.mark.parametrize("most", [1, 3, 10])
    def test_a_receive_brings_at_most_what_was_asked_for(self, world: World, most: int) -> None:
        send(world, *(f"{number}" for number in range(12)))

        assert len(receive(world, most)) == most

    def test_no_message_comes_twice_while_its_lease_holds(self, world: World) -> None:
        ids = send(world, *(f"{number}" for number in range(12)))

        received = [delivery.message_id for _ in range(3) for delivery in receive(world)]

        assert sorted(received) == sorted(ids)

    def test_an_empty_queue_brings_nothing(self, world: World) -> None:
        assert receive(world) == []

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

    @pytest.mark.parametrize(
        ("most", "wait_seconds"),
        [
            (0, 0),
            (11, 0),
            pytest.param(1, 21, marks=pytest.mark.differs("ministack", "takes it")),
            pytest.param(1, -1, marks=pytest.mark.differs("ministack", "takes it")),
        ],
    )
    def test_what_sqs_does_not_take_is_refused(self, world: World, most: int, wait_seconds: int) -> None:
        send(world, "so that nobody would have to wait")

        with pytest.raises(QueueError) as caught:
            receive(world, most, wait_seconds)
        assert caught.value.code == "InvalidParameterValue"


class TestDelete:
    """A deleted message is gone."""

    def test_a_deleted_message_does_not_come_again(self, world: World) -> None:
        delivery = delivered(world)
        world.run(world.queue.change_visibility([delivery], 0))
        (delivery,) = receive(world)

        assert world.run(world.queue.delete([delivery])) == []
        assert receive(world, lease_seconds=0) == []
        assert world.run(world.queue.in_flight()) == 0

    @pytest.mark.differs("ministack", "refuses the second: ReceiptHandleIsInvalid")
    def test_deleting_twice_does_no_harm(self, world: World) -> None:
        delivery = delivered(world)
        world.run(world.queue.delete([delivery]))

        assert world.run(world.queue.delete([delivery])) == []

    def test_a_batch_is_deleted_in_one_call(self, world: World) -> None:
        send(world, *(f"{number}" for number in range(10)))
        world.run(world.queue.delete(receive(world)))

        assert world.run(world.queue.in_flight()) == 0


class TestPostpone:
    """A message is hidden for some seconds from now: later, or sooner."""

    def test_for_no_time_it_is_visible_at_once_and_the_receive_counted(self, world: World) -> None:
        delivery = delivered(world)

        assert world.run(world.queue.change_visibility([delivery], 0)) == []

        (again,) = receive(world)
        assert again.receive_count == 2

    def test_a_lease_can_be_made_longer(self, world: World) -> None:
        send(world, "hello")
        (delivery,) = receive(world, lease_seconds=1)

        world.run(world.queue.change_visibility([delivery], 60))

        world.pass_time(1.1)
        assert receive(world) == []

    def test_it_is_visible_when_its_time_has_come(self, world: World) -> None:
        delivery = delivered(world)

        world.run(world.queue.change_visibility([delivery], 1))

        assert receive(world) == []
        world.pass_time(1.1)
        assert len(receive(world)) == 1

    def test_a_deleted_message_cant_be_postponed_and_the_others_are(self, world: World) -> None:
        send(world, "one", "two")
        one, two = receive(world)
        world.run(world.queue.delete([one]))

        (failed,) = world.run(world.queue.change_visibility([one, two], 0))

        assert failed.delivery is one
        assert failed.code
        assert failed.reason
        assert [again.message_id for again in receive(world)] == [two.message_id]

    @pytest.mark.differs("ministack", "takes it")
    def test_more_than_twelve_hours_are_refused(self, world: World) -> None:
        delivery = delivered(world)

        failed = world.run(world.queue.change_visibility([delivery], 43_201))

        assert [one.code for one in failed] == ["InvalidParameterValue"]

    def test_twelve_hours_less_a_minute_are_taken(self, world: World) -> None:
        assert world.run(world.queue.change_visibility([delivered(world)], 43_140)) == []


class TestInFlight:
    """Received and not yet deleted or visible again."""

    def test_the_count(self, world: World) -> None:
        counts = [world.run(world.queue.in_flight())]
        send(world, "one", "two", "three")
        counts.append(world.run(world.queue.in_flight()))
        one, two, _ = receive(world)
        counts.append(world.run(world.queue.in_flight()))
        world.run(world.queue.delete([one]))
        counts.append(world.run(world.queue.in_flight()))
        world.run(world.queue.change_visibility([two], 0))
        counts.append(world.run(world.queue.in_flight()))

        assert counts == [0, 0, 3, 2, 1]

    def test_a_message_that_was_never_received_does_not_count(self, world: World) -> None:
        send(world, "now")
        send(world, "later", delay_seconds=600)

        assert world.run(world.queue.in_flight()) == 0

    def test_a_postponed_message_counts(self, world: World) -> None:
        world.run(world.queue.change_visibility([delivered(world)], 600))

        assert world.run(world.queue.in_flight()) == 1


class TestRefusals:
    """What SQS refuses is a QueueError, with its code."""

    def test_a_body_of_1_mib_is_taken_and_a_byte_more_is_not(self, world: World) -> None:
        send(world, "x" * MAX_MESSAGE_BYTES)

        with pytest.raises(QueueError) as caught:
            send(world, "x" * (MAX_MESSAGE_BYTES + 1))
        assert caught.value.code == "InvalidParameterValue"
        assert "shorter than 1048576 bytes" in caught.value.reason

    @pytest.mark.differs("ministack", "takes it")
    def test_a_delay_beyond_fifteen_minutes(self, world: World) -> None:
        with pytest.raises(QueueError) as caught:
            send(world, "x", delay_seconds=901)
        assert caught.value.code == "InvalidParameterValue"

    def test_an_empty_batch(self, world: World) -> None:
        with pytest.raises(QueueError) as caught:
            world.run(world.queue.delete([]))
        assert caught.value.code == "AWS.SimpleQueueService.EmptyBatchRequest"

    def test_a_batch_of_more_than_ten(self, world: World) -> None:
        with pytest.raises(QueueError):
            world.run(world.queue.delete([delivered(world)] * 11))


class TestMemoryAlone:
    """Where moto 5.2.5 is wrong. Sources: AWS's API reference, and LocalStack's tests recorded on AWS
    (https://github.com/localstack/localstack/blob/main/tests/aws/services/sqs/test_sqs.py)."""

    def test_a_superseded_handle_deletes_nothing_though_the_call_succeeds(self, memory: SandboxWorld) -> None:
        # API_DeleteMessage: "the request will succeed, but the message might not be deleted"
        send(memory, "hello")
        (first,) = receive(memory, lease_seconds=1)
        memory.pass_time(1)
        receive(memory)

        assert memory.run(memory.queue.delete([first])) == []
        assert len(memory.queue) == 1

    def test_a_superseded_handle_extends_nothing(self, memory: SandboxWorld) -> None:
        send(memory, "hello")
        (first,) = receive(memory, lease_seconds=1)
        memory.pass_time(1)
        receive(memory)

        (failed,) = memory.run(memory.queue.change_visibility([first], 0))

        assert failed.code == "InvalidParameterValue"
        assert receive(memory) == []

    def test_an_expired_handle_that_nobody_superseded_still_works(self, memory: SandboxWorld) -> None:
        # test_delete_after_visibility_timeout,
        # test_change_message_visibility_after_visibility_timeout_expiration
        send(memory, "hello")
        (delivery,) = receive(memory, lease_seconds=1)
        memory.pass_time(5)

        assert memory.run(memory.queue.change_visibility([delivery], 10)) == []
        assert receive(memory) == []
        assert memory.run(memory.queue.delete([delivery])) == []
        assert len(memory.queue) == 0

    def test_a_deleted_messages_visibility_has_its_own_error(self, memory: SandboxWorld) -> None:
        # test_change_visibility_on_deleted_message_raises_invalid_parameter_value
        delivery = delivered(memory)
        memory.run(memory.queue.delete([delivery]))

        (failed,) = memory.run(memory.queue.change_visibility([delivery], 5))

        assert failed.code == "InvalidParameterValue"
        assert "does not exist or is not available" in failed.reason

    def test_twelve_hours_are_counted_from_the_receive(self, memory: SandboxWorld) -> None:
        # API_ChangeMessageVisibility; moto counts from the send.
        memory.pass_time(100)
        delivery = delivered(memory)
        memory.pass_time(100)

        (failed,) = memory.run(memory.queue.change_visibility([delivery], 43_101))

        assert failed.code == "InvalidParameterValue"
        assert memory.run(memory.queue.change_visibility([delivery], 43_100)) == []

    @pytest.mark.parametrize("character", ["\x00", "\x1f", "\ufffe", "\uffff", "\ud800"])
    def test_a_character_that_sqs_refuses(self, memory: SandboxWorld, character: str) -> None:
        # API_SendMessage; test_send_batch_message_with_invalid_char
        with pytest.raises(QueueError) as caught:
            send(memory, f"a{character}")
        assert caught.value.code == "InvalidMessageContents"

    def test_a_delay_of_less_than_nothing(self, memory: SandboxWorld) -> None:
        # API_SendMessage: 0 to 900
        with pytest.raises(QueueError):
            send(memory, "x", delay_seconds=-1)

    @pytest.mark.parametrize("number", [0, 11])
    def test_a_postponement_of_none_or_of_more_than_ten(self, memory: SandboxWorld, number: int) -> None:
        # API_ChangeMessageVisibilityBatch: EmptyBatchRequest, TooManyEntriesInBatchRequest
        batch = [delivered(memory)] * number

        with pytest.raises(QueueError, match="BatchRequest"):
            memory.run(memory.queue.change_visibility(batch, 5))

    def test_an_empty_body(self, memory: SandboxWorld) -> None:
        with pytest.raises(QueueError) as caught:
            send(memory, "")
        assert caught.value.code == "MissingParameter"

    def test_an_eleventh_attribute(self, memory: SandboxWorld) -> None:
        with pytest.raises(QueueError) as caught:
            send(memory, "x", attributes={f"a{number}": text("x") for number in range(11)})
        assert caught.value.code == "InvalidParameterValue"

    def test_size_is_counted_in_bytes_with_the_attributes(self, memory: SandboxWorld) -> None:
        # test_send_oversized_message
        key = text("v" * 95)  # with its name and type 105 bytes
        send(memory, "x" * (MAX_MESSAGE_BYTES - 105), attributes={"name": key})

        with pytest.raises(QueueError):
            send(memory, "x" * (MAX_MESSAGE_BYTES - 104), attributes={"name": key})
        with pytest.raises(QueueError):
            send(memory, "é" * (MAX_MESSAGE_BYTES // 2 + 1))
