"""Standard queues: how long is a message hidden, and what can be done with which handle?"""

from __future__ import annotations

from tests.contract.recorded.case import (
    AFTER_LEASE,
    API,
    LEASE,
    LOCALSTACK,
    MOTO_4655,
    Aws,
    Given,
    recorded,
    with_handle,
)

TWELVE_HOURS = 43_200
SUPERSEDED_ACT = Given(superseded_handles_act=True)


@recorded(f"{LOCALSTACK} test_receive_terminate_visibility_timeout")
def a_message_received_for_no_time_is_received_again_at_once(aws: Aws) -> None:
    """A lease of 0 s hides nothing, and holds for this receive only."""
    aws.send("x")
    first = aws.receive_one(lease_seconds=0)
    second = aws.receive_one()

    assert second.receipt_handle != first.receipt_handle
    assert aws.receive() == []


@recorded(f"{LOCALSTACK} test_extend_message_visibility_timeout_set_in_queue")
def a_lease_can_be_extended_again_and_again_each_time_from_now(aws: Aws) -> None:
    """Extended each second to two seconds more, it outlasts the first lease, and ends two after the last."""
    aws.send("x")
    delivery = aws.receive_one(lease_seconds=2)

    for _ in range(3):
        aws.pass_time(1)
        assert aws.postpone(2, delivery) == []
        assert aws.receive() == []

    assert aws.bodies(wait_seconds=5) == ["x"]


@recorded(
    f"{LOCALSTACK} test_delete_after_visibility_timeout (2025-03-28), "
    "test_remove_message_with_old_receipt_handle"
)
def a_handle_whose_lease_has_ended_still_deletes_if_nobody_received_the_message_since(aws: Aws) -> None:
    aws.send("x")
    delivery = aws.receive_one(lease_seconds=LEASE)
    aws.pass_time(AFTER_LEASE)

    assert aws.delete(delivery) == []
    assert aws.receive() == []


@recorded(
    f"{LOCALSTACK} test_change_message_visibility_after_visibility_timeout_expiration (2024-04-30); "
    "it does not look whether the message was hidden then: AWS says yes to the call"
)
def a_handle_whose_lease_has_ended_still_postpones(aws: Aws) -> None:
    aws.send("x")
    delivery = aws.receive_one(lease_seconds=LEASE)
    aws.pass_time(AFTER_LEASE)

    assert aws.postpone(2, delivery) == []


@recorded(f"{LOCALSTACK} test_terminate_visibility_timeout_after_receive", SUPERSEDED_ACT, at_ministack=False)
def a_superseded_handle_may_release_the_message_that_another_holds(aws: Aws) -> None:
    """With the handle of the first receive, AWS ended the lease of the second."""
    aws.send("x")
    first = aws.receive_one(lease_seconds=0)
    aws.receive_one(lease_seconds=30)

    assert aws.postpone(0, first) == []
    assert aws.bodies(wait_seconds=1) == ["x"]


@recorded(f"{MOTO_4655}, test_change_message_visibility_on_old_message", SUPERSEDED_ACT, at_ministack=False)
def a_superseded_handle_may_extend_the_lease_that_another_holds(aws: Aws) -> None:
    """With the handle of the first receive, AWS hid the message beyond the lease of the second, twice."""
    aws.send("x")
    first = aws.receive_one(lease_seconds=0)
    aws.receive_one(lease_seconds=LEASE)

    assert aws.postpone(100, first) == []
    assert aws.postpone(100, first) == []
    aws.pass_time(AFTER_LEASE)
    assert aws.receive() == []


@recorded(f"{MOTO_4655}, test_delete_message_using_old_receipt_handle", SUPERSEDED_ACT, at_ministack=False)
def a_superseded_handle_may_delete(aws: Aws) -> None:
    """The message was gone, and a delete with either handle was still answered with success."""
    aws.send("x")
    first = aws.receive_one(lease_seconds=0)
    second = aws.receive_one(lease_seconds=0)

    assert aws.delete(first) == []
    assert aws.receive() == []
    assert aws.delete(first) == []
    assert aws.delete(second) == []


@recorded(
    f"{API}/API_DeleteMessage.html: `the request will succeed, but the message might not be deleted`; "
    "seen in https://github.com/justeattakeaway/JustSaying/issues/1584",
    at_ministack=False,
)
def a_superseded_handle_may_delete_nothing_though_the_call_succeeds(aws: Aws) -> None:
    """So a caller that took too long can't rely on its delete, either way."""
    aws.send("x")
    first = aws.receive_one(lease_seconds=0)
    second = aws.receive_one()

    assert aws.delete(first) == []
    assert aws.in_flight() == 1
    assert aws.delete(second) == []
    assert aws.in_flight() == 0


@recorded(
    f"{LOCALSTACK} test_change_visibility_on_deleted_message_raises_invalid_parameter_value",
    at_ministack=False,
)
def a_deleted_message_can_not_be_postponed(aws: Aws) -> None:
    """InvalidParameterValue: `Message does not exist or is not available for visibility timeout change`."""
    aws.send("x")
    delivery = aws.receive_one()
    assert aws.postpone(42, delivery) == []
    assert aws.delete(delivery) == []

    assert aws.postpone(42, delivery) == ["InvalidParameterValue"]


@recorded(f"{LOCALSTACK} test_delete_message_with_deleted_receipt_handle", at_ministack=False)
def a_message_can_be_deleted_again_and_again(aws: Aws) -> None:
    aws.send("x")
    delivery = aws.receive_one()

    assert [aws.delete(delivery) for _ in range(3)] == [[], [], []]


@recorded(
    f"{LOCALSTACK} test_invalid_receipt_handle_should_return_error_message, "
    "test_delete_message_with_illegal_receipt_handle"
)
def a_handle_that_never_was_is_invalid(aws: Aws) -> None:
    assert aws.postpone(60, with_handle("INVALID")) == ["ReceiptHandleIsInvalid"]
    assert aws.delete(with_handle("garbage")) == ["ReceiptHandleIsInvalid"]


@recorded(f"{API}/API_ChangeMessageVisibility.html: `Values range: 0 to 43200`", at_ministack=False)
def a_message_is_postponed_for_at_most_twelve_hours(aws: Aws) -> None:
    aws.send("x")

    assert aws.postpone(TWELVE_HOURS + 1, aws.receive_one()) == ["InvalidParameterValue"]


@recorded(
    f"{API}/API_ChangeMessageVisibility.html: `Amazon SQS returns an error. Amazon SQS doesn't "
    "automatically recalculate and increase the timeout to the maximum remaining time`",
)
def a_message_is_hidden_for_at_most_twelve_hours_from_its_receive(aws: Aws) -> None:
    """A time longer than the rest of the twelve hours is refused, not shortened."""
    aws.send("x")
    aws.pass_time(1000)
    delivery = aws.receive_one(lease_seconds=3000)
    aws.pass_time(1000)

    assert aws.postpone(TWELVE_HOURS - 990, delivery) == ["InvalidParameterValue"]
    assert aws.postpone(TWELVE_HOURS - 1010, delivery) == []


@recorded("https://github.com/boto/boto3/issues/2898")
def a_handle_of_more_than_twelve_hours_ago_deletes_nothing(aws: Aws) -> None:
    """InvalidParameterValue: `The receipt handle has expired`, on a standard queue too; the message stays."""
    aws.send("x")
    delivery = aws.receive_one(lease_seconds=TWELVE_HOURS)
    aws.pass_time(TWELVE_HOURS + 60)

    assert aws.delete(delivery) == ["InvalidParameterValue"]
    assert aws.bodies() == ["x"]


@recorded(f"{LOCALSTACK} test_approximate_number_of_messages_not_visible")
def in_flight_is_what_was_received_until_its_lease_ends(aws: Aws) -> None:
    for number in range(6):
        aws.send(f"{number}")
    aws.receive_one(lease_seconds=LEASE)

    assert aws.in_flight() == 1
    assert aws.waiting() == 5
    aws.pass_time(AFTER_LEASE)
    assert aws.in_flight() == 0
    assert aws.waiting() == 6


@recorded(f"{LOCALSTACK} test_inflight_message_requeue; standard queues promise no order")
def a_message_whose_lease_has_ended_comes_before_one_that_was_sent_later(aws: Aws) -> None:
    aws.send("older")
    aws.receive_one(lease_seconds=2)
    aws.pass_time(1)
    aws.send("younger")
    aws.pass_time(1.5)

    assert aws.receive_one().body == "older"


@recorded(
    f"{API}/API_ChangeMessageVisibility.html: `If you reach this limit, Amazon SQS returns the OverLimit "
    "error message`",
    Given(max_in_flight=3),
    at_ministack=False,
)  # 120,000 messages would have to be in flight
def a_standard_queue_with_its_most_in_flight_answers_a_receive_with_an_error(aws: Aws) -> None:
    for number in range(4):
        aws.send(f"{number}")
    received = aws.receive()
    assert len(received) == 3

    assert aws.refused_receive() == "OverLimit"
    aws.delete(received[0])
    assert aws.bodies() == ["3"]


@recorded(f"{LOCALSTACK} test_message_retention_with_inflight", Given(retention_seconds=60))
def a_message_in_flight_is_gone_as_well_when_its_retention_ends(aws: Aws) -> None:
    aws.send("one")
    aws.send("two")
    aws.pass_time(5)
    delivery = aws.receive(1, lease_seconds=60)[0]
    aws.pass_time(61)
    assert aws.receive() == []
    aws.pass_time(10)

    assert aws.receive() == []
    assert aws.delete(delivery) == []
