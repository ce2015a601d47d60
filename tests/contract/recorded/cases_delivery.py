"""Standard queues: what arrives, when, and with what?"""

from __future__ import annotations

from tests.contract.recorded.case import AFTER_LEASE, API, LEASE, LOCALSTACK, Aws, recorded, system

NUMBER = {"DataType": "Number", "StringValue": "1614717034367"}


@recorded(f"{LOCALSTACK} test_receive_message_attributes_timestamp_types")
def times_are_whole_milliseconds(aws: Aws) -> None:
    aws.send("x")
    delivery = aws.receive_one(lease_seconds=0)
    sent, received = system(delivery, "SentTimestamp"), system(delivery, "ApproximateFirstReceiveTimestamp")

    assert sent is not None
    assert received is not None
    assert sent.isdecimal()
    assert received.isdecimal()
    assert 0 <= int(received) - int(sent) < 60_000


@recorded(f"{API}/API_ReceiveMessage.html: ApproximateFirstReceiveTimestamp, ApproximateReceiveCount")
def a_message_keeps_its_first_receives_time_and_counts_the_receives_that_were_released(aws: Aws) -> None:
    """A receive counts when the message was released, and when its lease ended."""
    aws.send("x")
    first = aws.receive_one()
    aws.pass_time(1)
    aws.postpone(0, first)
    second = aws.receive_one(lease_seconds=LEASE)
    aws.pass_time(AFTER_LEASE)
    third = aws.receive_one()

    assert [delivery.receive_count for delivery in (first, second, third)] == [1, 2, 3]
    times = {system(delivery, "ApproximateFirstReceiveTimestamp") for delivery in (first, second, third)}
    assert len(times) == 1


@recorded(f"{API}/API_SendMessage.html: `messages with the same MessageGroupId can be processed in parallel`")
def a_group_of_a_standard_queue_holds_nothing_back(aws: Aws) -> None:
    for number in range(3):
        aws.send(f"{number}", group="tenant")
    received = [aws.receive_one().body for _ in range(3)]

    assert sorted(received) == ["0", "1", "2"]


@recorded(f"{LOCALSTACK} test_wait_time_seconds_waits_correctly")
def a_receive_that_waits_brings_what_is_sent_meanwhile(aws: Aws) -> None:
    aws.send_later(0.5, "foobared")
    assert aws.bodies(wait_seconds=10) == ["foobared"]


@recorded(f"{LOCALSTACK} test_receive_message_wait_time_seconds_and_max_number_of_messages_does_not_block")
def a_receive_does_not_wait_for_more_when_it_has_some(aws: Aws) -> None:
    """Asked for three, it brings the two there are. Nothing sent later is among them."""
    aws.send("foobar1")
    aws.send("foobar2")
    aws.send_later(1.5, "foobar3")

    assert sorted(aws.bodies(3, wait_seconds=5)) == ["foobar1", "foobar2"]
