"""The in-flight cap of several queues: spread over the minute, shared by weight, and a part kept free."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.support import QUEUE_URL, WatchedQueue, World

from consumer.flow.lately import AT_ONCE_PART, COUNT_LATE_SECONDS, Lately
from consumer.flow.parts import Parts
from consumer.flow.spread import ASKS_AGAIN_SECONDS, COUNT_AGAIN_SECONDS, MIN_AT_ONCE, SpreadCap
from consumer.order import Order

CAP = 600
A_SECOND = CAP / COUNT_LATE_SECONDS


class Run:
    """A tick under the cap, of a process that has run for `known` seconds.

    part   -- whether the cap is a started consumer's part.
    counts -- SQS's count of each queue.
    """

    def __init__(
        self,
        world: World,
        weights: Sequence[int] = (1, 1),
        *,
        cap: int = CAP,
        keep_percent: int = 0,
        known: float = COUNT_LATE_SECONDS,
        part: bool = False,
    ) -> None:
        self.world = world
        self.queues = [WatchedQueue(world.clock, f"{QUEUE_URL}-{number}") for number in range(len(weights))]
        self.counts(0, *[0] * (len(weights) - 1))
        self.lately = Lately()
        self.order = Order(Parts(weights, keep_percent).of_each())
        self.lately.begin(world.clock.now() - known)
        of_tick = cap, weights, world.clock, self.lately, self.order, keep_percent
        self.cap = SpreadCap(self.queues, *of_tick, counts=not part)

    def counts(self, *counts: int) -> None:
        for queue, count in zip(self.queues, counts, strict=True):
            queue.counts = count

    def ask(self, number: int = 0) -> int:
        """Makes one poll of a queue with many messages. Returns how many it may receive."""
        share = self.world.run(self.cap.may_receive(number))
        if share.most:
            self.order.takes(number, share.most)
            self.cap.received(share, share.most, number)
        return share.most

    def take(self, number: int = 0) -> int:
        """Polls a queue with many messages as long as it may receive some. Returns how many."""
        taken = 0
        while asked := self.ask(number):
            taken += asked
        return taken

    def take_for(self, seconds: float, *numbers: int) -> list[int]:
        """Polls these queues, each with many messages, in turn. Returns how many each received."""
        taken = [0] * len(self.queues)
        for _ in range(round(seconds * 10)):
            for number in numbers:
                taken[number] += self.take(number)
            self.world.pass_time(0.1)
        return taken


class TestSpread:
    """No queue uses the cap up at the beginning of a minute."""

    def test_a_thirtieth_comes_at_once_and_a_sixtieth_each_second(self, world: World) -> None:
        run = Run(world)

        assert run.take() == CAP // AT_ONCE_PART
        assert sum(run.take_for(10, 0)) == pytest.approx(10 * A_SECOND, abs=A_SECOND)

    def test_a_small_cap_lets_some_come_at_once(self, world: World) -> None:
        assert Run(world, cap=20).take() == MIN_AT_ONCE

    def test_a_poll_that_brings_nothing_uses_nothing_up(self, world: World) -> None:
        run = Run(world)
        for _ in range(100):
            share = world.run(run.cap.may_receive())
            run.cap.received(share, 0)

        assert run.take() == CAP // AT_ONCE_PART

    def test_a_tick_is_never_over(self, world: World) -> None:
        run = Run(world)
        run.counts(2 * CAP, 0)
        run.take_for(30, 0)

        assert (run.ask(), run.cap.over) == (0, None)


class TestBound:
    """At most twice the cap, though the count may be a minute late."""

    def test_in_any_minute_the_cap_comes_at_most(self, world: World) -> None:
        run = Run(world)
        began = world.seconds()
        came = []
        while world.seconds() < began + 200:
            came.append((world.seconds(), run.take()))
            world.pass_time(0.5)

        for since, _ in came:
            assert sum(taken for at, taken in came if since <= at < since + COUNT_LATE_SECONDS) <= CAP

    def test_the_count_is_asked_for_again_where_it_leaves_little(self, world: World) -> None:
        # Given a cap that is used up, of which 50 are settled
        run = Run(world)
        run.counts(0, 2 * CAP)
        assert run.take_for(5, 0) == [CAP // 10, 0], "the small polls"
        run.counts(0, CAP - 50)
        world.pass_time(COUNT_AGAIN_SECONDS)

        assert sum(run.take_for(COUNT_AGAIN_SECONDS, 0)) > 0

    def test_it_is_not_asked_for_again_where_it_leaves_much(self, world: World) -> None:
        run = Run(world)
        run.take_for(30, 0)

        assert [len(queue.asked("in_flight")) for queue in run.queues] == [1, 1]

    def test_nor_for_what_polls_of_empty_queues_hold(self, world: World) -> None:
        run = Run(world, cap=5)
        assert world.run(run.cap.may_receive(0)).most == 5
        world.pass_time(COUNT_AGAIN_SECONDS)
        world.run(run.cap.may_receive(1))

        assert [len(queue.asked("in_flight")) for queue in run.queues] == [1, 1]

    @pytest.mark.parametrize(("seconds", "stands_for_it"), [(0, 0), (15, 170), (50, CAP // 2)])
    def test_where_it_is_missing_the_last_minutes_receives_count_up_to_the_queues_part(
        self, world: World, seconds: float, stands_for_it: int
    ) -> None:
        # Given two queues of one weight, one of which can't be counted, and gave messages for so long
        run = Run(world)
        run.queues[1].broken = {"in_flight"}
        run.take_for(seconds, 1)

        # When the next tick counts, and polls the other one
        run.cap = SpreadCap(run.queues, CAP, (1, 1), world.clock, run.lately, run.order)
        polled = run.ask(0)

        assert run.cap.left + polled == pytest.approx(CAP - stands_for_it, abs=10)

    def test_what_goes_wrong_with_a_later_one_is_not_hidden(self, world: World) -> None:
        run = Run(world)
        run.counts(0, 2 * CAP)
        run.ask()

        async def broken() -> int:
            raise ZeroDivisionError

        run.queues[1].in_flight = broken  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            run.take_for(3 * COUNT_AGAIN_SECONDS, 0)

    def test_a_new_process_asks_for_it_once_in_its_first_minute(self, world: World) -> None:
        # Given a process before, whose messages the count misses, as far as this one can know
        run = Run(world, known=0)
        run.counts(0, CAP - 100)
        came = sum(run.take_for(20, 0))
        run.counts(0, 0)

        assert came + sum(run.take_for(20, 0)) == 100


class TestOthers:
    """A tick that starts other consumers gives each a part of its cap."""

    OTHERS = 3

    def test_what_it_gives_away_it_does_not_receive(self, world: World) -> None:
        run = Run(world)
        run.take_for(5, 0)
        run.cap.move(CAP // 2)

        assert sum(run.take_for(10, 0)) == pytest.approx(10 * A_SECOND / 2, abs=A_SECOND)
        run.take_for(COUNT_LATE_SECONDS - 15, 0)
        assert sum(run.lately.came(world.clock.now(), 2)) <= CAP // 2

    def test_what_one_does_not_take_comes_back(self, world: World) -> None:
        run = Run(world)
        run.take_for(5, 0)
        run.cap.move(CAP // 2)
        run.cap.move(-CAP // 2)

        assert sum(run.take_for(10, 0)) == pytest.approx(10 * A_SECOND, abs=A_SECOND)

    def test_what_they_may_still_receive_takes_the_place_of_messages_in_flight(self, world: World) -> None:
        # Given tasks of a minute: a third of the cap is in flight, and a half of it is given away
        run = Run(world)
        run.counts(0, CAP // 3)
        run.take()
        assert run.cap.left == pytest.approx(CAP * 2 / 3 - CAP // AT_ONCE_PART)
        run.cap.move(CAP // 2)

        assert run.cap.left == pytest.approx(CAP / 6 - CAP // AT_ONCE_PART)

    def test_they_count_nothing_and_spread_their_parts(self, world: World) -> None:
        run = Run(world, part=True)
        run.counts(0, 2 * CAP)

        assert run.take() == 0
        assert sum(run.take_for(12, 0)) == pytest.approx(10 * A_SECOND, rel=0.1)
        assert [queue.asked("in_flight") for queue in run.queues] == [[], []]

    @pytest.mark.slow
    @pytest.mark.parametrize("busy_before", [False, True])
    def test_all_together_receive_the_cap_at_most_in_any_minute(
        self, world: World, busy_before: bool
    ) -> None:
        # Given ticks that each start others five seconds later, which go on until the next tick does so
        run, others, came = Run(world), list[Run](), list[tuple[float, int]]()

        def take_for(seconds: float, *runs: Run) -> None:
            for _ in range(round(seconds * 5)):
                came.extend((world.seconds(), each.take()) for each in runs)
                world.pass_time(0.2)

        take_for(100 if busy_before else 0, run)
        for _ in range(4):
            take_for(5, run, *others)
            share = int(run.cap.left) // (self.OTHERS + 1)
            run.cap.move(share * self.OTHERS)
            others = [Run(world, cap=share, known=0, part=True) for _ in range(self.OTHERS)]
            take_for(55, run, *others)

        for since, _ in came:
            lately = sum(taken for at, taken in came if since <= at < since + COUNT_LATE_SECONDS)
            assert lately <= CAP
        assert sum(taken for _, taken in came) > 0.8 * CAP * world.seconds() / COUNT_LATE_SECONDS

    def test_a_process_without_a_tick_for_a_while_does_not_know_the_last_minute(self, world: World) -> None:
        # Given that processes of started consumers may have had the ticks in between
        for alone, known in ((True, COUNT_LATE_SECONDS), (False, 0)):
            lately = Lately()
            lately.begin(world.clock.now() - 2 * COUNT_LATE_SECONDS, alone=alone)
            lately.begin(world.clock.now(), alone=alone)

            assert lately.known(world.clock.now()) == known

    def test_one_with_a_tick_each_minute_does(self, world: World) -> None:
        lately = Lately()
        for _ in range(3):
            lately.begin(world.clock.now(), alone=False)
            world.pass_time(COUNT_LATE_SECONDS)

        assert lately.is_all(world.clock.now())


class TestKept:
    """The queues of the largest weight find a part of the cap free."""

    def run(self, world: World) -> Run:
        return Run(world, [6, 3, 1], keep_percent=20)

    def test_the_others_leave_a_part_of_what_is_in_flight_free(self, world: World) -> None:
        # Given tasks that leave a hundred of the cap, of which the small polls have come
        run = self.run(world)
        run.counts(240, 220, 40)
        run.take_for(5, 0, 1)
        world.pass_time(COUNT_AGAIN_SECONDS)

        assert run.ask(1) == 0
        assert run.ask(0) > 0

    def test_what_the_others_settle_makes_place_for_them_though_the_kept_part_is_free(
        self, world: World
    ) -> None:
        # Given tasks of another queue, which have all but the kept part, and the small polls, and are settled
        run = Run(world, [6, 3, 1], keep_percent=40)
        run.counts(0, CAP * 6 // 10, 0)
        assert run.take_for(10, 1)[1] <= CAP // 10
        run.counts(0, 0, 0)

        assert run.take_for(5, 1)[1] > 3 * A_SECOND

    def test_and_a_part_of_what_may_come_at_once(self, world: World) -> None:
        run = self.run(world)
        others = run.take(2)

        assert 0 < others <= 0.8 * CAP / AT_ONCE_PART
        assert run.take(0) == CAP // AT_ONCE_PART - others

    def test_they_have_their_part_by_weight_of_what_is_not_kept(self, world: World) -> None:
        # Given an urgent queue that is flooded, for minutes
        run = self.run(world)
        run.take_for(90, 0, 1, 2)
        taken = run.take_for(60, 0, 1, 2)

        assert taken[1] + taken[2] >= 0.8 * 0.4 * CAP - 20
        assert taken[2] > 0

    def test_the_kept_part_is_had_while_the_rest_is_less_than_a_poll(self, world: World) -> None:
        # Given long tasks of another queue, that leave five of the rest, and no small polls
        run = self.run(world)
        run.counts(0, 0, CAP * 8 // 10 - 5)
        run.lately.note(world.clock.now(), 2, CAP // 10)
        run.take_for(2, 2)

        assert run.take_for(8, 2, 0)[0] > 6 * A_SECOND

    @pytest.mark.parametrize("weights", [(6, 3, 1), (100, 1, 1)], ids=str)
    def test_retries_of_the_others_do_not_keep_them_from_their_part_of_the_small_polls(
        self, world: World, weights: tuple[int, ...]
    ) -> None:
        # Given messages that wait for a retry, more than the part of their queue, beside urgent ones
        run = Run(world, weights, keep_percent=20)
        run.counts(200, 0, 300)
        run.take_for(30, 0, 1)
        _, taken, _ = run.take_for(120, 0, 1)

        assert 0 < taken <= 3 * max(CAP // 10 * 0.8 * weights[1] * 2 / sum(weights), 10)

    def test_also_if_it_is_less_than_one_message(self, world: World) -> None:
        # Given an urgent queue of a hundred times the weight, that is flooded
        run = Run(world, [100, 1], cap=100, keep_percent=20)
        run.take_for(90, 0, 1)

        assert run.take_for(90, 0, 1)[1] > 0

    def test_with_equal_weights_nothing_is_kept(self, world: World) -> None:
        run = Run(world, [2, 2], keep_percent=50)

        assert run.take(1) == CAP // AT_ONCE_PART


class TestWeights:
    def test_queues_that_all_wait_share_by_weight(self, world: World) -> None:
        taken = Run(world, [6, 3, 1]).take_for(50, 2, 1, 0)

        assert taken[0] / sum(taken) == pytest.approx(0.6, abs=0.05)
        assert taken[2] / sum(taken) == pytest.approx(0.1, abs=0.05)

    def test_a_queue_that_had_nothing_has_neither_credit_nor_debt(self, world: World) -> None:
        run = Run(world, [1, 1])
        run.take_for(20, 0)
        taken = run.take_for(10, 1, 0)

        assert taken[0] == pytest.approx(taken[1], abs=2 * A_SECOND)

    def test_nor_has_it_the_credit_of_one_that_was_paused_many_ticks_ago(self, world: World) -> None:
        run = Run(world, [1, 1, 1])
        run.take_for(5, 0, 2)
        for _ in range(2):
            run.lately.begin(world.clock.now())
            run.take_for(60, 0)
        taken = run.take_for(10, 1, 0)

        assert taken[0] == pytest.approx(taken[1], abs=2 * A_SECOND)

    def test_a_queue_that_asks_no_more_is_not_waited_for(self, world: World) -> None:
        # Given a queue that is behind and then hangs
        run = Run(world, [1, 2])
        run.ask(1)
        run.take(0)
        assert run.ask(1) == 0
        world.pass_time(1)
        assert run.ask(0) == 0

        assert sum(run.take_for(10, 0)) > 5 * A_SECOND

    def test_a_lesser_queue_waits_until_a_poll_is_worth_it(self, world: World) -> None:
        run = Run(world, [2, 1])
        run.take(0)
        world.pass_time(ASKS_AGAIN_SECONDS)
        asked = []
        for _ in range(100):
            asked += [most] if (most := run.ask(1)) else []
            world.pass_time(0.1)

        assert min(asked) >= 5
