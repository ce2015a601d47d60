"""FIFO queues: which messages of which groups does a receive bring?

Bodies are such as "a1": the first message of group "a".
"""

from __future__ import annotations

from tests.contract.recorded.case import AFTER_LEASE, API, LEASE, LOCALSTACK, Aws, Given, recorded

FIFO = Given(fifo=True)
EXTENDED = f"{LOCALSTACK} 2025-11-19, test_fifo_group_visibility_extends_with_change_message_visibility"


@recorded(f"{LOCALSTACK} test_fifo_message_group_visibility", FIFO)
def a_group_with_a_message_in_flight_gives_nothing_until_that_is_deleted(aws: Aws) -> None:
    aws.send_in_groups("a1")
    first = aws.receive_one()
    aws.send_in_groups("a2")

    assert aws.receive(wait_seconds=1) == []
    assert aws.delete(first) == []
    assert aws.bodies() == ["a2"]


@recorded(f"{LOCALSTACK} test_fifo_receive_message_visibility_timeout_shared_in_group (first half)", FIFO)
def a_group_with_some_in_flight_holds_back_the_rest_and_other_groups_go_on(aws: Aws) -> None:
    aws.send_in_groups("a1", "a2", "a3", "a4", "b1", "c1")

    assert aws.bodies(2) == ["a1", "a2"]
    assert aws.bodies(1) == ["b1"]


@recorded(
    f"{LOCALSTACK} test_fifo_receive_message_visibility_timeout_shared_in_group (second half)",
    FIFO,
    at_ministack=False,
)
def groups_that_were_received_come_after_those_that_still_wait(aws: Aws) -> None:
    aws.send_in_groups("a1", "a2", "a3", "a4", "b1", "c1")
    aws.receive(2, lease_seconds=1)
    aws.receive(1, lease_seconds=1)
    aws.pass_time(AFTER_LEASE)

    assert aws.bodies(lease_seconds=0) == ["c1", "a1", "a2", "a3", "a4", "b1"]


@recorded(f"{LOCALSTACK} test_fifo_receive_message_with_zero_visibility_timeout", FIFO, at_ministack=False)
def a_lease_of_no_time_holds_no_group_back_but_puts_it_behind_the_others(aws: Aws) -> None:
    aws.send_in_groups("a1", "b1", "b2", "c1", "a2")

    assert aws.bodies(3, lease_seconds=0) == ["a1", "a2", "b1"]
    assert aws.bodies(lease_seconds=0) == ["c1", "a1", "a2", "b1", "b2"]


@recorded(
    f"{LOCALSTACK} test_fifo_message_group_visibility_after_terminate_visibility_timeout",
    FIFO,
    at_ministack=False,
)
def a_head_that_is_released_comes_again_while_its_follower_is_in_flight(aws: Aws) -> None:
    """So two messages of one group are at work at once. A group that waits comes before."""
    aws.send_in_groups("a1", "a2", "b1")
    first, _ = aws.receive(2)
    assert aws.postpone(0, first) == []

    assert aws.bodies(3, wait_seconds=2) == ["b1", "a1"]


def extended(aws: Aws, position: int) -> list[str]:
    """Extends the lease of one of three. Returns what is received once the others' leases have ended."""
    aws.send_in_groups("a1", "a2", "a3")
    received = aws.receive(lease_seconds=1)
    assert [delivery.body for delivery in received] == ["a1", "a2", "a3"]
    assert aws.postpone(30, received[position]) == []
    aws.pass_time(AFTER_LEASE)
    return aws.bodies()


@recorded(f"{EXTENDED}[0]", FIFO)
def an_extended_first_message_holds_back_the_group(aws: Aws) -> None:
    assert extended(aws, 0) == []


@recorded(f"{EXTENDED}[1]", FIFO, at_ministack=False)
def an_extended_second_message_holds_back_what_follows_it(aws: Aws) -> None:
    assert extended(aws, 1) == ["a1"]


@recorded(f"{EXTENDED}[2]", FIFO, at_ministack=False)
def an_extended_last_message_holds_back_only_itself(aws: Aws) -> None:
    assert extended(aws, 2) == ["a1", "a2"]


@recorded(f"{LOCALSTACK} test_fifo_message_group_visibility_after_delete", FIFO, at_ministack=False)
def a_group_whose_messages_in_flight_are_deleted_takes_its_place_by_the_next_one(aws: Aws) -> None:
    """The rest of the group comes where its oldest message belongs."""
    aws.send_in_groups("a1", "b1", "a2", "b2", "a3", "a4", "c1")
    first, second = aws.receive(2)
    assert aws.delete(first) == []
    assert aws.delete(second) == []

    assert aws.bodies() == ["b1", "b2", "a3", "a4", "c1"]


@recorded(f"{LOCALSTACK} test_fifo_message_group_visibility_after_partial_delete", FIFO, at_ministack=False)
def a_group_of_which_one_is_deleted_and_one_in_flight_gives_nothing(aws: Aws) -> None:
    aws.send_in_groups("a1", "b1", "a2", "b2", "a3", "a4", "c1")
    first, second = aws.receive(2)
    assert (first.body, second.body) == ("a1", "a2")
    assert aws.delete(first) == []

    assert aws.bodies() == ["b1", "b2", "c1"]


@recorded(f"{LOCALSTACK} test_fifo_delete_after_visibility_timeout (2025-03-28)", FIFO, at_ministack=False)
def a_handle_whose_lease_has_ended_deletes_nothing_on_a_fifo_queue(aws: Aws) -> None:
    """InvalidParameterValue: `The receipt handle has expired`; the message comes again."""
    aws.send_in_groups("a1")
    delivery = aws.receive_one(lease_seconds=LEASE)
    aws.pass_time(AFTER_LEASE)

    assert aws.delete(delivery) == ["InvalidParameterValue"]
    assert aws.bodies() == ["a1"]


@recorded(f"{LOCALSTACK} test_fifo_delete_after_visibility_timeout_extended (2025-10-05)", FIFO)
def a_handle_whose_lease_was_extended_deletes_on_a_fifo_queue(aws: Aws) -> None:
    aws.send_in_groups("a1")
    delivery = aws.receive_one(lease_seconds=1)
    assert aws.postpone(30, delivery) == []
    aws.pass_time(AFTER_LEASE)

    assert aws.delete(delivery) == []
    assert aws.receive() == []


@recorded(f"{LOCALSTACK} test_fifo_approximate_number_of_messages_not_visible", FIFO)
def in_flight_is_what_was_received_not_what_is_held_back(aws: Aws) -> None:
    aws.send_in_groups("a1", "a2", "b1", "b2", "c1", "c2")
    assert [aws.receive_one(lease_seconds=LEASE).body for _ in range(2)] == ["a1", "b1"]

    assert aws.in_flight() == 2
    aws.pass_time(AFTER_LEASE)
    assert aws.in_flight() == 0


@recorded(
    f"{API}/API_ChangeMessageVisibility.html: `For FIFO queues ... If you reach this limit, Amazon SQS "
    "returns no error messages`",
    Given(fifo=True, max_in_flight=3),
    at_ministack=False,
)  # 120,000 messages would have to be in flight
def a_fifo_queue_with_its_most_in_flight_answers_a_receive_with_nothing(aws: Aws) -> None:
    """No error: an empty receive does not mean an empty queue."""
    aws.send_in_groups("a1", "b1", "c1", "d1")
    received = aws.receive()
    assert len(received) == 3

    assert aws.receive() == []
    aws.delete(received[0])
    assert aws.bodies() == ["d1"]
