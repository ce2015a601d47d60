"""Standard queues: what arrives, when, and with what?"""

from __future__ import annotations

from tests.recorded.case import AFTER_LEASE, API, LEASE, LOCALSTACK, Aws, recorded, system
from tests.support import binary, text

NUMBER = {"DataType": "Number", "StringValue": "1614717034367"}


@recorded(f"{LOCALSTACK} test_send_receive_message, test_publish_get_delete_message")
def a_message_arrives_with_the_id_that_its_sender_was_told(aws: Aws) -> None:
    """And is not there any more when it is deleted."""
    message_id = aws.send("message")
    delivery = aws.receive_one()

    assert (delivery.message_id, delivery.body) == (message_id, "message")
    aws.delete(delivery)
    assert aws.receive() == []


@recorded(f"{LOCALSTACK} test_receive_empty_queue")
def an_empty_queue_brings_nothing_whether_one_waits_or_not(aws: Aws) -> None:
    """An empty answer, no error."""
    assert aws.receive() == []
    assert aws.receive(wait_seconds=1) == []


@recorded(f"{LOCALSTACK} test_send_receive_message_encoded_content, test_message_with_carriage_return")
def quotes_entities_and_line_ends_arrive_unchanged(aws: Aws) -> None:
    """No encoding shows."""
    aws.send('"&quot;&quot;\r')
    assert aws.receive_one().body == '"&quot;&quot;\r'


@recorded(f"{LOCALSTACK} test_message_with_attributes_should_be_enqueued")
def a_number_attribute_arrives_as_the_text_that_was_sent(aws: Aws) -> None:
    """With its type."""
    aws.send("x", attributes={"timestamp": NUMBER})
    assert aws.receive_one().attributes == {"timestamp": NUMBER}


@recorded(f"{LOCALSTACK} test_send_message_with_binary_attributes")
def a_binary_attribute_arrives_as_the_bytes_that_were_sent(aws: Aws) -> None:
    """Bytes that no text may hold, too."""
    attributes = {"attr1": binary(b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c")}
    aws.send("x", attributes=attributes)
    assert aws.receive_one().attributes == attributes


@recorded(f"{LOCALSTACK} test_sent_message_retains_attributes_after_receive")
def attributes_arrive_with_every_receive(aws: Aws) -> None:
    """The second receive has them as well."""
    aws.send("x", attributes={"attr1": text("test1")})
    aws.receive_one(lease_seconds=0)
    assert aws.receive_one().attributes == {"attr1": text("test1")}


@recorded(f"{LOCALSTACK} test_receive_message_attributes_timestamp_types")
def times_are_whole_milliseconds(aws: Aws) -> None:
    """Of the send, and of the first receive."""
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


@recorded(f"{LOCALSTACK} test_fair_queue_with_message_group_id (2025-08-18)")
def a_standard_queue_takes_a_group_and_gives_it_back(aws: Aws) -> None:
    """MessageGroupId, and nothing of what FIFO queues have."""
    aws.send("message", group="test")
    delivery = aws.receive_one()

    assert system(delivery, "MessageGroupId") == "test"
    assert system(delivery, "MessageDeduplicationId") is None
    assert system(delivery, "SequenceNumber") is None


@recorded(f"{API}/API_SendMessage.html: `messages with the same MessageGroupId can be processed in parallel`")
def a_group_of_a_standard_queue_holds_nothing_back(aws: Aws) -> None:
    """While one is in flight, the others of its group are received."""
    for number in range(3):
        aws.send(f"{number}", group="tenant")
    received = [aws.receive_one().body for _ in range(3)]

    assert sorted(received) == ["0", "1", "2"]


@recorded(f"{LOCALSTACK} test_dead_letter_queue_message_attributes (2024-04-30)")
def the_trace_header_arrives(aws: Aws) -> None:
    """As the system attribute AWSTraceHeader."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    aws.send("x", trace_header=trace)
    assert aws.receive_one().trace_header == trace


@recorded(f"{LOCALSTACK} test_send_delay_and_wait_time")
def a_delayed_message_is_found_by_a_receive_that_waits_long_enough(aws: Aws) -> None:
    """And not by one before."""
    aws.send("foobar", delay_seconds=1)

    assert aws.receive() == []
    assert aws.bodies(wait_seconds=2) == ["foobar"]


@recorded(f"{LOCALSTACK} test_wait_time_seconds_waits_correctly")
def a_receive_that_waits_brings_what_is_sent_meanwhile(aws: Aws) -> None:
    """It does not have to be there when the receive begins."""
    aws.send_later(0.5, "foobared")
    assert aws.bodies(wait_seconds=10) == ["foobared"]


@recorded(f"{LOCALSTACK} test_receive_message_wait_time_seconds_and_max_number_of_messages_does_not_block")
def a_receive_does_not_wait_for_more_when_it_has_some(aws: Aws) -> None:
    """Asked for three, it brings the two there are; nothing sent later is among them."""
    aws.send("foobar1")
    aws.send("foobar2")
    aws.send_later(1.5, "foobar3")

    assert sorted(aws.bodies(3, wait_seconds=5)) == ["foobar1", "foobar2"]


@recorded(f"{LOCALSTACK} test_send_batch_receive_multiple")
def a_receive_brings_several_messages(aws: Aws) -> None:
    """All three, in whatever order, in at most three receives."""
    for number in range(3):
        aws.send(f"message-{number}")
    received = [body for _ in range(3) for body in aws.bodies(3)]

    assert sorted(received) == ["message-0", "message-1", "message-2"]
