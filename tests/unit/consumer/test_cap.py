"""The in-flight cap: how many messages may be received now?"""

from __future__ import annotations

import pytest
from tests.support import World

from consumer.flow.cap import InFlightCap


def may_receive(world: World, cap: InFlightCap) -> int:
    return world.run(cap.may_receive())


def receive(world: World, cap: InFlightCap, received: int) -> int:
    """One poll that brings `received` messages; how many it asked for."""
    asked = may_receive(world, cap)
    cap.received(asked, received)
    return asked


def test_without_a_cap_every_poll_is_full_and_sqs_is_not_asked(world: World) -> None:
    cap = InFlightCap(world.queue, world.clock, limit=0)

    assert [receive(world, cap, 10) for _ in range(100)] == [10] * 100
    assert world.queue.asked("in_flight") == []


@pytest.mark.parametrize(
    ("cap", "in_flight", "asked"),
    [
        pytest.param(1000, 0, 10, id="far below the cap: as many as a poll takes"),
        pytest.param(20, 10, 10, id="just ten below the cap"),
        pytest.param(20, 13, 7, id="seven below the cap"),
        pytest.param(20, 19, 1, id="one below the cap"),
        pytest.param(5, 0, 5, id="a cap below ten"),
        pytest.param(1000, 1000, 10, id="the cap is used up: a tenth of it, at most ten"),
        pytest.param(50, 50, 5, id="the cap is used up: a tenth of it"),
        pytest.param(25, 400, 2, id="far too many: a tenth of the cap, whole"),
        pytest.param(3, 3, 1, id="a small cap used up: one"),
        pytest.param(1, 500, 1, id="a cap of one"),
    ],
)
def test_a_poll_asks_for_the_cap_less_what_is_in_flight(
    world: World, cap: int, in_flight: int, asked: int
) -> None:
    world.queue.counts = in_flight

    assert may_receive(world, InFlightCap(world.queue, world.clock, cap)) == asked


class TestInFlight:
    """In flight is the larger of SQS's count and our own dispatches of the last half minute."""

    def test_our_own_count_where_sqs_lags(self, world: World) -> None:
        world.queue.counts = 0
        cap = InFlightCap(world.queue, world.clock, limit=12)

        receive(world, cap, 10)

        assert may_receive(world, cap) == 2

    def test_sqs_count_where_it_is_larger(self, world: World) -> None:
        world.queue.counts = 15
        cap = InFlightCap(world.queue, world.clock, limit=20)

        receive(world, cap, 5)
        world.pass_time(1)

        assert may_receive(world, cap) == 5, "the larger of 15 and 5, not their sum"

    def test_a_dispatch_of_ours_is_forgotten_after_half_a_minute(self, world: World) -> None:
        world.queue.counts = 0
        cap = InFlightCap(world.queue, world.clock, limit=10)
        receive(world, cap, 8)

        world.pass_time(29.9)
        before = receive(world, cap, 0)
        world.pass_time(0.1)
        after = receive(world, cap, 0)

        assert (before, after) == (2, 10)

    def test_each_dispatch_is_forgotten_in_its_own_time(self, world: World) -> None:
        world.queue.counts = 0
        cap = InFlightCap(world.queue, world.clock, limit=10)
        receive(world, cap, 4)
        world.pass_time(20)
        receive(world, cap, 3)

        world.pass_time(10)

        assert may_receive(world, cap) == 7

    def test_a_poll_that_brought_nothing_takes_nothing_of_the_cap(self, world: World) -> None:
        world.queue.counts = 0
        cap = InFlightCap(world.queue, world.clock, limit=10)

        assert [receive(world, cap, 0) for _ in range(3)] == [10, 10, 10]


class TestTrickle:
    """Where the cap is used up, a small poll goes out each second: SQS may be counting the postponed."""

    def test_once_a_second(self, world: World) -> None:
        world.queue.counts = 500
        cap = InFlightCap(world.queue, world.clock, limit=20)

        asked = []
        for _ in range(8):
            asked.append(receive(world, cap, 0))
            world.pass_time(0.25)

        assert asked == [2, 0, 0, 0, 2, 0, 0, 0]

    def test_what_the_trickle_brings_counts(self, world: World) -> None:
        world.queue.counts = 20
        cap = InFlightCap(world.queue, world.clock, limit=20)
        for _ in range(10):
            receive(world, cap, 2)
            world.pass_time(1)

        world.queue.counts = 0
        world.pass_time(1)

        assert receive(world, cap, 0) == 2, "20 of ours are in flight: no more, only the trickle"


class TestPollers:
    """Polls go out side by side: what one asked for is reserved until it says how many came."""

    def test_what_is_asked_for_is_reserved(self, world: World) -> None:
        cap = InFlightCap(world.queue, world.clock, limit=25)

        assert [may_receive(world, cap) for _ in range(3)] == [10, 10, 5]

    def test_what_did_not_come_is_free_again(self, world: World) -> None:
        cap = InFlightCap(world.queue, world.clock, limit=10)
        asked = may_receive(world, cap)

        cap.received(asked, 3)

        assert may_receive(world, cap) == 7

    def test_pollers_together_never_ask_for_more_than_the_cap(self, world: World) -> None:
        cap = InFlightCap(world.queue, world.clock, limit=10)
        asked = [may_receive(world, cap) for _ in range(4)]

        assert asked == [10, 1, 0, 0], "full, and then the trickle alone"


class TestSqsCount:
    """SQS's count costs a call."""

    def test_it_is_asked_for_at_most_once_a_second(self, world: World) -> None:
        cap = InFlightCap(world.queue, world.clock, limit=1000)

        for _ in range(40):
            receive(world, cap, 0)
            world.pass_time(0.25)

        assert len(world.queue.asked("in_flight")) == 10

    def test_where_it_is_missing_our_own_must_do(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.queue.counts = 20
        cap = InFlightCap(world.queue, world.clock, limit=20)
        receive(world, cap, 2)
        world.queue.broken = {"in_flight"}
        world.pass_time(1)

        assert may_receive(world, cap) == 10
        assert "in-flight count is missing" in caplog.text
