"""The order of the queues: by their weights, and no queue is paid for what it did not need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise

import pytest

from consumer.order import GETS_ON_SECONDS, SLOWER, Order
from shared.ports.queue import MAX_PER_CALL


def polled(order: Order, ready: Collection[int], times: int, came: Sequence[int] = (10, 10)) -> list[int]:
    """Makes so many polls, one after the other. Returns the queues' numbers.

    came -- how many messages a poll of each queue brings; 10 of one that has no number there.
    """
    numbers = []
    for _ in range(times):
        number = order.next(ready)
        assert number is not None
        order.takes(number, MAX_PER_CALL)
        order.takes(number, (came[number] if number < len(came) else MAX_PER_CALL) - MAX_PER_CALL)
        numbers.append(number)
    return numbers


class TestWeights:
    @pytest.mark.parametrize("weights", [[1], [1, 1], [6, 3, 1], [1, 100], [2, 2, 3, 3, 5]])
    def test_queues_with_messages_are_polled_by_their_weights(self, weights: list[int]) -> None:
        numbers = polled(Order(weights), range(len(weights)), 20 * sum(weights))

        assert [Counter(numbers)[each] for each in range(len(weights))] == [20 * each for each in weights]

    @pytest.mark.parametrize("weights", [[6, 3, 1], [1, 100]])
    def test_none_waits_for_longer_than_all_the_others_parts(self, weights: list[int]) -> None:
        numbers = polled(Order(weights), range(len(weights)), 20 * sum(weights))

        for number, weight in enumerate(weights):
            turns = [at for at, each in enumerate(numbers) if each == number]
            longest = max(after - before for before, after in pairwise(turns))
            assert longest <= sum(weights) / weight + len(weights)

    def test_messages_count_and_not_polls(self) -> None:
        # Given two queues of one weight, of which one brings a message a poll, and the other ten
        numbers = Counter(polled(Order([1, 1]), [0, 1], 220, [1, 10]))

        assert numbers[0] == pytest.approx(10 * numbers[1], rel=0.1)

    def test_a_poll_under_way_counts_as_a_full_one(self) -> None:
        order = Order([1, 1])
        order.takes(0, MAX_PER_CALL)

        assert order.next([0, 1]) == 1
        assert order.behind(0, [1]) == [1]

    def test_a_queue_that_is_not_ready_is_passed_over(self) -> None:
        assert set(polled(Order([100, 1, 1]), [1, 2], 10)) == {1, 2}

    def test_none_is_next_if_none_is_ready(self) -> None:
        assert Order([1]).next([]) is None


class TestJoining:
    """A queue that was away is put to where the others are: two of one weight then have a half each, but for
    a poll."""

    def after(self, order: Order) -> Counter[int]:
        return Counter(polled(order, [0, 1], 20))

    def test_it_has_no_credit_for_what_the_others_had_meanwhile(self) -> None:
        order = Order([1, 1])
        polled(order, [0], 100)

        order.joins(1, [0])

        assert self.after(order)[1] <= 11

    def test_it_owes_nothing_for_having_been_alone(self) -> None:
        order = Order([1, 1])
        polled(order, [1], 100)

        order.joins(1, [0])

        assert self.after(order)[1] >= 9

    def test_one_of_several_that_are_apart_joins_the_last_one(self) -> None:
        order = Order([1, 1, 1])
        polled(order, [0], 100)
        polled(order, [1], 50)

        order.joins(2, [0, 1])

        assert order.behind(2, [0, 1]) == []
        assert order.behind(1, [2]) == [2]

    def test_where_nobody_else_is_it_stays(self) -> None:
        order = Order([1, 1])
        polled(order, [0], 3)
        order.joins(0, [])

        assert order.behind(0, [1]) == [1]


class TestOvertaking:
    """One that goes on past others that are behind takes them along: they catch up a poll, not all."""

    def test_they_catch_up_a_poll(self) -> None:
        order = Order([1, 1])
        polled(order, [0], 100)

        order.overtakes(0, [1])

        assert Counter(polled(order, [0, 1], 21)) == {0: 10, 1: 11}

    def test_one_that_is_hardly_behind_stays_where_it_is(self) -> None:
        order = Order([1, 10])
        polled(order, [0], 1)

        order.overtakes(0, [1])

        assert Counter(polled(order, [0, 1], 11)) == {0: 1, 1: 10}


class TestGettingOn:
    """Another queue is waited for as long as it brings messages about as fast as the one that waits."""

    SLOW = 0.2

    @pytest.fixture
    def order(self) -> Order:
        """Returns an order of three queues, of which the second one's polls are slow, and have just ended."""
        order = Order([1, 1, 1])
        for number, began in enumerate((0.0, -self.SLOW, -1_000.0)):
            order.brought(number, began, 0.0, is_full=True)
        return order

    @pytest.mark.parametrize(
        ("beside", "seconds"),
        [
            pytest.param(0, GETS_ON_SECONDS[0], id="one whose polls take no time, for a tenth of a second"),
            pytest.param(1, SLOWER * SLOW, id="one whose polls are as slow, for three times as long"),
            pytest.param(2, GETS_ON_SECONDS[1], id="none for longer than a second"),
        ],
    )
    def test_it_does_for(self, order: Order, beside: int, seconds: float) -> None:
        assert order.gets_on(1, beside, seconds - 0.01)
        assert not order.gets_on(1, beside, seconds + 0.01)

    def test_one_that_has_brought_nothing_does_not(self) -> None:
        assert not Order([1, 1]).gets_on(0, 1, 0.0)

    def test_one_whose_polls_are_not_full_does_not_but_it_does_not_hang(self) -> None:
        order = Order([1, 1])
        order.brought(0, 0.0, 0.0, is_full=False)

        assert not order.gets_on(0, 1, 0.0)
        assert not order.hangs(0, GETS_ON_SECONDS[1] - 0.01)
        assert order.hangs(0, GETS_ON_SECONDS[1])
