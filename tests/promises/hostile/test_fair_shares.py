"""What one of several queues could not have, while it was in trouble or was empty, is not taken from the
others, neither meanwhile nor later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.promises.hostile.places import waits
from tests.promises.hostile.test_several_queues import CAP, IN_TROUBLE, QUEUES, World, no_worker
from tests.support import delay
from tests.support import slow as slowly

from shared.ports.gates import Rate
from shared.ports.workers import Meaning
from zigzag_testing import Sandbox

BACKLOG = dict.fromkeys(QUEUES, 3_000)


def behind(counts: Counter[str], together: float) -> list[str]:
    """Returns the queues that started much less than their part of what all may start together."""
    parts = {queue: together * weight / sum(QUEUES.values()) for queue, weight in QUEUES.items()}
    return [
        f"{queue}: {counts[queue]} of {part:.0f}"
        for queue, part in parts.items()
        if counts[queue] < 0.7 * part
    ]


def slow(world: World, queue: str, seconds: float) -> Callable[[], None]:
    """Has each receive from the queue take so long, until what it returns is called."""
    port = world.sandbox.queues[queue]
    receive = port.receive
    delay(world.sandbox, port, "receive", before=seconds)
    return lambda: setattr(port, "receive", receive)


def limit(world: World, queue: str, rate: Rate) -> None:
    assert world.sandbox.gates is not None
    world.sandbox._do(world.sandbox.gates.limit(queue, rate))


class TestUnderACap:
    """Queues that share a cap."""

    @pytest.mark.parametrize("meaning", [Meaning.TRANSIENT, *slowly(Meaning.DEFINITE, Meaning.AMBIGUOUS)])
    def test_one_whose_worker_was_away_takes_its_part_once_it_is_back(self, meaning: Meaning) -> None:
        # Given a queue of the largest weight, whose own worker is away for ten minutes
        with World(in_flight_cap=CAP, queue_workers={"urgent": 60}) as world:
            works = world.sandbox.workers_of["urgent"].dispatch
            no_worker(world.sandbox, meaning)
            world.send(**BACKLOG)
            world.sandbox.run_for(10 * 60)

            # When it is back, and a minute has passed
            world.sandbox.workers_of["urgent"].dispatch = works  # type: ignore[method-assign]
            world.sandbox.run_for(3 * 60)

            assert behind(world.counts(11 * 60), 2 * CAP) == []

    @pytest.mark.slow
    @pytest.mark.parametrize("trouble", IN_TROUBLE)
    def test_one_in_trouble_takes_nothing_from_the_others(self, trouble: str) -> None:
        def started(make: Callable[[Sandbox], None], **more: int) -> Counter[str]:
            options = {"in_flight_cap": CAP, "flow_control": True, "queue_workers": {"urgent": 60}}
            with World(**options) as world:
                make(world.sandbox)
                world.send(default=600, bulk=300, **more)
                world.sandbox.run_for(5 * 60)
            return world.counts()

        alone, beside = started(lambda _: None), started(IN_TROUBLE[trouble], urgent=600)

        for queue in ("default", "bulk"):
            assert beside[queue] >= 0.9 * alone[queue]

    @pytest.mark.parametrize("seconds", [0.5, *slowly(0.3, 1.2)])
    def test_one_with_slow_calls_holds_up_none_and_takes_its_part_later(self, seconds: float) -> None:
        cap = 6_000
        with World(in_flight_cap=cap) as world:
            quick_again = slow(world, "urgent", seconds)
            world.send(**BACKLOG)
            world.sandbox.run_for(30)
            meanwhile = world.counts(10)
            quick_again()
            world.sandbox.run_for(20)

            assert meanwhile.total() > 0.9 * cap / 60 * 20
            assert behind(world.counts(30), cap / 60 * 20) == []

    @pytest.mark.parametrize("cap", [600, *slowly(6_000)])
    def test_one_with_a_rate_takes_its_places_and_no_more(self, cap: int) -> None:
        with World(in_flight_cap=cap, flow_control=True) as world:
            limit(world, "urgent", Rate(1))
            world.send(default=2 * cap, urgent=cap, bulk=2 * cap)
            world.sandbox.run_for(75)

            counts = world.counts(15)
            assert counts["urgent"] == pytest.approx(60, abs=3)
            assert counts.total() > 0.95 * cap

    @pytest.mark.parametrize("seconds", [1.2, *slowly(0.4, 5.0)])
    def test_one_with_slow_invokes_holds_up_none(self, seconds: float) -> None:
        cap = 3_000
        with World(in_flight_cap=cap, queue_workers={"urgent": 60}) as world:
            delay(world.sandbox, world.sandbox.workers_of["urgent"], "dispatch", before=seconds)
            world.send(**BACKLOG)
            world.sandbox.run_for(40)

            assert world.counts(10).total() > 0.9 * cap / 60 * 30

    def test_a_cap_that_does_not_bind_costs_no_speed(self) -> None:
        def started(**options: int) -> int:
            with World(**options) as world:
                for queue in QUEUES:
                    slow(world, queue, 0.1)
                world.send(default=1_000, urgent=1_000, bulk=1_000)
                world.sandbox.run_for(10)
            return world.counts(2).total()

        assert started(in_flight_cap=60_000) > 0.9 * started()

    def test_a_task_beside_many_of_a_larger_weight_with_a_rate_starts_at_once(self) -> None:
        # Given a queue of a hundred times the weight, whose rate is what the cap has in a minute
        with World({"default": 1, "bulk": 100}, in_flight_cap=60, flow_control=True) as world:
            limit(world, "bulk", Rate(1.2))
            world.send(bulk=600)
            world.sandbox.run_for(30)
            for number in range(8):
                world.sandbox.run_for(10 + number / 7)
                sent_at = world.seconds()
                world.send(default=1)
                world.sandbox.run_for(8)

                assert world.waits("default", sent_at) <= 3

    @pytest.mark.parametrize("cap", [60, *slowly(35, 120, 280)])
    def test_polls_of_empty_queues_hold_no_place_that_a_busy_one_needs(self, cap: int) -> None:
        with World(in_flight_cap=cap, watch_always=True) as world:
            for number in range(20):
                world.sandbox.run_for(20 + number)
                sent_at = world.seconds()
                world.send(bulk=5)
                world.sandbox.run_for(10)

                assert world.waits("bulk", sent_at) <= 2

    @pytest.mark.parametrize(
        ("options", "longest"),
        [
            pytest.param({"seconds": 2, "in_flight_cap": 1_400}, 2, id="short tasks"),
            pytest.param({"seconds": 60, "in_flight_cap": 50, "keep_percent": 20}, 7, id="a part is kept"),
        ],
    )
    def test_a_count_that_hangs_holds_up_no_urgent_task(self, options: Any, longest: float) -> None:
        # Given a backlog in a queue whose count gets no answer
        sent = {"default": 5.0, "urgent": 0.5}
        found = waits(places=50, minutes=3, a_second=sent, uncounted="bulk", **options)

        assert found["urgent"].slowest_hundredth < longest
        assert found["bulk"].started > 0

    def test_a_kept_part_is_a_part_and_no_reason_to_hold_up_the_others(self) -> None:
        # Given a flood of urgent tasks, and a queue that needs a little less than its part
        sent = {"default": 5.0, "urgent": 40.0}
        found = waits(places=50, seconds=2, minutes=2, a_second=sent, in_flight_cap=1_400, keep_percent=20)

        assert found["default"].slowest_hundredth < 3


class TestWithoutACap:
    """Queues that are limited by the consumer's speed alone."""

    @pytest.mark.parametrize("seconds", [0.3, *slowly(0.9, 3.0)])
    def test_one_with_slow_calls_holds_up_none(self, seconds: float) -> None:
        def drained(of_urgent: float) -> World:
            with World() as world:
                for queue in QUEUES:
                    slow(world, queue, of_urgent if queue == "urgent" else 0.02)
                world.send(default=600, urgent=600, bulk=600)
                world.sandbox.run_for(120)
            return world

        evenly, beside = drained(0.02), drained(seconds)

        assert beside.waits("urgent") > 5 * evenly.waits("urgent")
        for queue in ("default", "bulk"):
            assert beside.waits(queue) <= 2 * evenly.waits(queue)

    def test_one_whose_poll_has_waited_for_messages_takes_its_part_from_then_on(self) -> None:
        with World(watch_always=True) as world:
            for queue in QUEUES:
                slow(world, queue, 0.05)
            world.send(default=3_000, bulk=3_000)
            world.sandbox.run_for(5)
            world.send(urgent=3_000)
            since = world.seconds() + 1
            world.sandbox.run_for(3)

            counts = world.counts(since)
            assert behind(counts, counts.total()) == []

    def test_one_that_hung_for_seconds_does_not_make_up_for_it(self) -> None:
        with World() as world:
            for queue in QUEUES:
                slow(world, queue, 0.05)
            world.send(**BACKLOG)
            world.sandbox.run_for(1)
            on_again = slow(world, "urgent", 10)
            world.sandbox.run_for(0.2)
            on_again()
            world.sandbox.run_for(10)
            since = world.seconds()
            world.sandbox.run_for(2)

            counts = world.counts(since)
            assert behind(counts, counts.total()) == []
