"""FIFO queues: which messages are taken, which are duplicates, and what do they carry?"""

from __future__ import annotations

import hashlib

from tests.contract.recorded.case import API, GUIDE, LOCALSTACK, Aws, Given, recorded, system

FIFO = Given(fifo=True)
BY_ID = Given(fifo=True, content_based_deduplication=False)
BY_GROUP = Given(fifo=True, deduplication_scope="messageGroup")


@recorded(f"{LOCALSTACK} test_fifo_deduplication_arrives_once_after_delete[True]", FIFO)
def a_duplicate_does_not_arrive_when_the_original_was_deleted(aws: Aws) -> None:
    """SQS remembers what it took, not what it has."""
    aws.send("same", group="a")
    aws.delete(aws.receive_one())
    aws.send("same", group="a")

    assert aws.receive(wait_seconds=1) == []


@recorded(f"{LOCALSTACK} test_deduplication_interval", BY_ID)
def a_deduplication_id_counts_for_five_minutes(aws: Aws) -> None:
    first_id = aws.send("one", group="a", deduplication_id="d")
    delivery = aws.receive_one()
    assert delivery.message_id == first_id
    aws.delete(delivery)
    aws.pass_time(240)
    aws.send("two", group="a", deduplication_id="d")
    assert aws.receive() == []
    aws.pass_time(120)
    third_id = aws.send("three", group="a", deduplication_id="d")

    assert third_id != first_id
    assert aws.bodies() == ["three"]


@recorded(f"{LOCALSTACK} test_fifo_deduplication_not_on_message_group_id[True]", FIFO)
def the_same_body_in_two_groups_arrives_once_where_the_scope_is_the_queue(aws: Aws) -> None:
    aws.send("same", group="a")
    aws.send("same", group="b")

    assert aws.bodies() == ["same"]


@recorded(f"{LOCALSTACK} test_sqs_fifo_message_group_scope_no_throughput_setting (2024-05-24)", BY_GROUP)
def the_same_body_in_two_groups_arrives_twice_where_the_scope_is_the_group(aws: Aws) -> None:
    aws.send("same", group="a")
    aws.send("same", group="b")

    assert aws.bodies() == ["same", "same"]


@recorded(
    f"{GUIDE}/using-messagededuplicationid-property.html: `will be acknowledged but not delivered`; "
    "that the answer names the original is from LocalStack's queue, `FifoQueue.put`",
    BY_ID,
)
def the_sender_of_a_duplicate_is_told_the_originals_id(aws: Aws) -> None:
    """It is no error: who sends again after a lost answer sees the same MessageId."""
    assert aws.send("one", group="a", deduplication_id="d") == aws.send(
        "two", group="a", deduplication_id="d"
    )


@recorded(f"{API}/API_SendMessage.html: `uses a SHA-256 hash ... using the body of the message`", FIFO)
def a_body_without_an_id_has_its_hash_for_one(aws: Aws) -> None:
    """The SHA-256 of the body, in hexadecimal. A sender of that as an id sends a duplicate."""
    hashed = hashlib.sha256(b"hello").hexdigest()
    aws.send("hello", group="a")
    aws.send("other", group="a", deduplication_id=hashed)
    (delivery,) = aws.receive()

    assert delivery.body == "hello"
    assert system(delivery, "MessageDeduplicationId") == hashed


@recorded(f"{LOCALSTACK} test_fifo_message_attributes (2024-04-30)", BY_GROUP)
def a_fifo_message_has_a_group_an_id_and_a_number_at_every_receive(aws: Aws) -> None:
    aws.send("x", group="group-1", deduplication_id="dedup-1")
    first, second = aws.receive_one(lease_seconds=0), aws.receive_one(lease_seconds=0)

    for delivery in (first, second):
        assert system(delivery, "MessageGroupId") == "group-1"
        assert system(delivery, "MessageDeduplicationId") == "dedup-1"
    assert system(first, "SequenceNumber") == system(second, "SequenceNumber") is not None
    assert (first.receive_count, second.receive_count) == (1, 2)


@recorded(f"{LOCALSTACK} test_fifo_sequence_number_increases", BY_ID)
def the_numbers_of_a_group_increase(aws: Aws) -> None:
    for number in range(10):
        aws.send(f"{number}", group="a", deduplication_id=f"d{number}")
    numbers = [int(system(delivery, "SequenceNumber") or 0) for delivery in aws.receive()]

    assert len(numbers) == 10
    assert numbers == sorted(set(numbers))


@recorded(f"{LOCALSTACK} test_posting_to_fifo_requires_deduplicationid_group_id", BY_ID)
def a_fifo_queue_takes_no_message_without_an_id_unless_it_goes_by_content(aws: Aws) -> None:
    assert aws.refused("x", group="a") == "InvalidParameterValue"


@recorded(f"{LOCALSTACK} test_posting_to_fifo_requires_deduplicationid_group_id", BY_ID)
def a_fifo_queue_takes_no_message_without_a_group(aws: Aws) -> None:
    assert aws.refused("x", deduplication_id="d") == "MissingParameter"


@recorded(f"{LOCALSTACK} test_fifo_queue_send_message_with_delay_seconds_fails", FIFO)
def a_fifo_queue_takes_no_delay_of_a_single_message(aws: Aws) -> None:
    assert aws.refused("x", group="a", delay_seconds=2) == "InvalidParameterValue"
    aws.send("x", group="a", delay_seconds=0)


@recorded(
    f"{LOCALSTACK} test_message_deduplication_id_success, test_message_deduplication_id_invalid (2025-07-30)",
    BY_ID,
    at_ministack=False,
)
def a_deduplication_id_is_of_1_to_128_letters_digits_and_signs(aws: Aws) -> None:
    aws.send("x", group="a", deduplication_id="a" * 128)

    for wrong in ("", "a" * 129, "group 123"):
        assert aws.refused("x", group="a", deduplication_id=wrong) == "InvalidParameterValue", wrong


@recorded(
    f"{API}/API_SendMessage.html: `This parameter applies only to FIFO queues`; the code and its words are "
    "from LocalStack's queue, `StandardQueue.put`",
    at_ministack=False,
)
def a_standard_queue_takes_no_deduplication_id(aws: Aws) -> None:
    """InvalidParameterValue: a parameter `that is not valid for this queue type`."""
    assert aws.refused("x", deduplication_id="d") == "InvalidParameterValue"
