"""Room: how many messages may be taken now?"""

from __future__ import annotations

import pytest
from tests.support import World

from consumer.room import Room


def take(world: World, room: Room) -> int:
    return world.run(room.take())


def take_and_get(world: World, room: Room, received: int) -> int:
    """One poll that brings `received` messages; how many it asked for."""
    asked = take(world, room)
    room.taken(asked, received)
    return asked


def test_without_a_cap_every_poll_is_full_and_sqs_is_not_asked(world: World) -> None:
    room = Room(world.queue, world.clock, cap=0)

    assert [take_and_get(world, room, 10) for _ in range(100)] == [10] * 100
    assert world.queue.asked("in_flight") == []


@pytest.mark.parametrize(
    ("cap", "in_flight", "asked"),
    [
        pytest.param(1000, 0, 10, id="much room: as many as a poll takes"),
        pytest.param(20, 10, 10, id="just room for ten"),
        pytest.param(20, 13, 7, id="room for seven"),
        pytest.param(20, 19, 1, id="room for one"),
        pytest.param(5, 0, 5, id="a cap below ten"),
        pytest.param(1000, 1000, 10, id="no room: a tenth of the cap, at most ten"),
        pytest.param(50, 50, 5, id="no room: a tenth of the cap"),
        pytest.param(25, 400, 2, id="far too many: a tenth of the cap, whole"),
        pytest.param(3, 3, 1, id="no room and a small cap: one"),
        pytest.param(1, 500, 1, id="a cap of one"),
    ],
)
def test_a_poll_asks_for_the_cap_less_what_is_in_flight(
    world: World, cap: int, in_flight: int, asked: int
) -> None:
    world.queue.counts = in_flight

    assert take(world, Room(world.queue, world.clock, cap)) == asked


class TestInFlight:
    """In flight is the larger of SQS's count and our own dispatches of the last half minute."""

    def test_our_own_count_where_sqs_lags(self, world: World) -> None:
        world.queue.counts = 0
        room = Room(world.queue, world.clock, cap=12)

        take_and_get(world, room, 10)

        assert take(world, room) == 2

    def test_sqs_count_where_it_is_larger(self, world: World) -> None:
        world.queue.counts = 15
        room = Room(world.queue, world.clock, cap=20)

        take_and_get(world, room, 5)
        world.pass_time(1)

        assert take(world, room) == 5, "the larger of 15 and 5, not their sum"

    def test_a_dispatch_of_ours_is_forgotten_after_half_a_minute(self, world: World) -> None:
        world.queue.counts = 0
        room = Room(world.queue, world.clock, cap=10)
        take_and_get(world, room, 8)

        world.pass_time(29.9)
        before = take_and_get(world, room, 0)
        world.pass_time(0.1)
        after = take_and_get(world, room, 0)

        assert (before, after) == (2, 10)

    def test_each_dispatch_is_forgotten_in_its_own_time(self, world: World) -> None:
        world.queue.counts = 0
        room = Room(world.queue, world.clock, cap=10)
        take_and_get(world, room, 4)
        world.pass_time(20)
        take_and_get(world, room, 3)

        world.pass_time(10)

        assert take(world, room) == 7

    def test_a_poll_that_brought_nothing_takes_no_room(self, world: World) -> None:
        world.queue.counts = 0
        room = Room(world.queue, world.clock, cap=10)

        assert [take_and_get(world, room, 0) for _ in range(3)] == [10, 10, 10]


class TestTrickle:
    """Where there is no room, a small poll goes out each second: SQS may be counting the postponed."""

    def test_once_a_second(self, world: World) -> None:
        world.queue.counts = 500
        room = Room(world.queue, world.clock, cap=20)

        asked = []
        for _ in range(8):
            asked.append(take_and_get(world, room, 0))
            world.pass_time(0.25)

        assert asked == [2, 0, 0, 0, 2, 0, 0, 0]

    def test_what_the_trickle_brings_counts(self, world: World) -> None:
        world.queue.counts = 20
        room = Room(world.queue, world.clock, cap=20)
        for _ in range(10):
            take_and_get(world, room, 2)
            world.pass_time(1)

        world.queue.counts = 0
        world.pass_time(1)

        assert take_and_get(world, room, 0) == 2, "20 of ours are in flight: no room, only the trickle"


class TestLanes:
    """Polls go out side by side: what one asked for is reserved until it says how many came."""

    def test_what_is_asked_for_is_reserved(self, world: World) -> None:
        room = Room(world.queue, world.clock, cap=25)

        assert [take(world, room) for _ in range(3)] == [10, 10, 5]

    def test_what_did_not_come_is_free_again(self, world: World) -> None:
        room = Room(world.queue, world.clock, cap=10)
        asked = take(world, room)

        room.taken(asked, 3)

        assert take(world, room) == 7

    def test_lanes_together_never_ask_for_more_than_the_cap(self, world: World) -> None:
        room = Room(world.queue, world.clock, cap=10)
        asked = [take(world, room) for _ in range(4)]

        assert asked == [10, 1, 0, 0], "full, and then the trickle alone"


class TestSqsCount:
    """SQS's count costs a call."""

    def test_it_is_asked_for_at_most_once_a_second(self, world: World) -> None:
        room = Room(world.queue, world.clock, cap=1000)

        for _ in range(40):
            take_and_get(world, room, 0)
            world.pass_time(0.25)

        assert len(world.queue.asked("in_flight")) == 10

    def test_where_it_is_missing_our_own_must_do(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.queue.counts = 20
        room = Room(world.queue, world.clock, cap=20)
        take_and_get(world, room, 2)
        world.queue.broken = {"in_flight"}
        world.pass_time(1)

        assert take(world, room) == 10
        assert "in-flight count is missing" in caplog.text
