"""The order of the queues: by their weights, and no queue is paid for what it did not need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from consumer.order import Order


def polled(order: Order, ready: Sequence[bool], times: int, received: int = 10) -> list[int]:
    """Makes so many polls, one after the other, that bring as many each. Returns the queues' numbers."""
    numbers = []
    for _ in range(times):
        number = order.next(ready)
        assert number is not None
        order.begins(number, ready)
        order.ended(number, received, ready)
        numbers.append(number)
    return numbers


@pytest.mark.parametrize("weights", [[1], [1, 1], [6, 3, 1], [1, 100], [2, 2, 3, 3, 5]])
def test_queues_with_messages_are_polled_by_their_weights(weights: list[int]) -> None:
    numbers = polled(Order(weights), [True] * len(weights), 20 * sum(weights))

    assert [Counter(numbers)[each] for each in range(len(weights))] == [20 * weight for weight in weights]


@pytest.mark.parametrize("weights", [[6, 3, 1], [1, 100]])
def test_none_waits_for_longer_than_all_the_others_parts(weights: list[int]) -> None:
    numbers = polled(Order(weights), [True] * len(weights), 20 * sum(weights))

    for number, weight in enumerate(weights):
        turns = [at for at, each in enumerate(numbers) if each == number]
        longest = max(after - before for before, after in pairwise(turns))
        assert longest <= sum(weights) / weight + len(weights)


def test_messages_count_and_not_polls() -> None:
    # Given two queues of one weight, of which one brings a message a poll, and the other ten
    order, messages = Order([1, 1]), Counter[int]()
    for _ in range(220):
        number = order.next([True, True])
        assert number is not None
        order.begins(number, [True, True])
        order.ended(number, came := (1, 10)[number], [True, True])
        messages[number] += came

    assert messages[0] == pytest.approx(messages[1], rel=0.1)


def test_a_poll_under_way_counts_as_a_full_one() -> None:
    order = Order([1, 1])
    order.begins(0, [True, True])

    assert order.next([True, True]) == 1
    assert order.is_ahead(0, [False, True])


def test_a_queue_that_was_empty_has_no_credit_for_it() -> None:
    # Given a queue that had nothing while another one brought a thousand messages
    order = Order([1, 1])
    polled(order, [True, False], 100)

    # When it has messages, too
    order.begins(1, [True, False])
    order.ended(1, 10, [True, True])

    # Then each has its half from now on
    assert Counter(polled(order, [True, True], 21)) == {0: 11, 1: 10}


def test_a_poll_that_waited_while_others_had_messages_gives_no_credit_for_that_time() -> None:
    order = Order([1, 1])
    order.begins(1, [True, False])
    polled(order, [True, False], 100)
    order.ended(1, 10, [True, True])

    assert Counter(polled(order, [True, True], 21)) == {0: 11, 1: 10}


def test_a_queue_that_was_alone_owes_nothing() -> None:
    order = Order([1, 1])
    polled(order, [False, True], 100)
    order.begins(0, [False, True])
    order.ended(0, 10, [True, True])

    assert Counter(polled(order, [True, True], 21)) == {0: 10, 1: 11}


def test_a_queue_that_is_not_ready_is_passed_over() -> None:
    assert set(polled(Order([100, 1, 1]), [False, True, True], 10)) == {1, 2}


@pytest.mark.parametrize("ready", [[], [False], [False, False]])
def test_none_is_next_if_none_is_ready(ready: list[bool]) -> None:
    assert Order([1] * len(ready)).next(ready) is None


def test_a_queue_is_not_ahead_of_one_that_has_nothing() -> None:
    order = Order([1, 1])
    polled(order, [True, False], 100)

    assert not order.is_ahead(0, [True, False])
