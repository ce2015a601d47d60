"""The in-flight cap: how many messages may a run receive?"""

from __future__ import annotations

import asyncio

import pytest
from tests.support import World

from consumer.flow.cap import InFlightCap
from consumer.flow.flow import Share


def may_receive(world: World, cap: InFlightCap) -> int:
    return world.run(cap.may_receive()).most


def receive(world: World, cap: InFlightCap, came: int) -> int:
    """Makes one poll that brings so many messages. Returns how many it asked for."""
    asked = may_receive(world, cap)
    cap.received(Share(asked), came)
    return asked


def test_pollers_that_begin_at_once_share_it(world: World) -> None:
    cap = InFlightCap([world.queue], limit=20)

    async def eight() -> list[Share]:
        return await asyncio.gather(*(cap.may_receive() for _ in range(8)))

    assert sum(share.most for share in world.run(eight())) == 20


def test_without_a_cap_every_poll_is_full_and_sqs_is_not_asked(world: World) -> None:
    cap = InFlightCap([world.queue], limit=0)

    assert [receive(world, cap, 10) for _ in range(100)] == [10] * 100
    assert cap.over is None
    assert world.queue.asked("in_flight") == []


@pytest.mark.parametrize(
    ("cap", "in_flight", "asked"),
    [
        pytest.param(100, 85, [10, 5, 0], id="the cap less what is in flight, a poll at a time"),
        pytest.param(20, 13, [7, 0], id="seven below the cap"),
        pytest.param(20, 19, [2, 0], id="one below the cap: the small poll is more"),
        pytest.param(5, 0, [5, 0], id="a cap below ten"),
        pytest.param(1000, 1000, [10] * 10 + [0], id="the cap is used up: a tenth of it, a poll at a time"),
        pytest.param(250, 250, [10, 10, 5, 0], id="the cap is used up: a tenth that fills no poll"),
        pytest.param(50, 50, [5, 0], id="the cap is used up: a tenth of it"),
        pytest.param(25, 400, [2, 0], id="far too many: a tenth of the cap, whole"),
        pytest.param(3, 3, [1, 0], id="a small cap used up: one"),
        pytest.param(1, 500, [1, 0], id="a cap of one"),
    ],
)
def test_a_run_takes_the_cap_less_what_is_in_flight_and_a_small_poll_at_least(
    world: World, cap: int, in_flight: int, asked: list[int]
) -> None:
    world.queue.counts = in_flight
    run = InFlightCap([world.queue], cap)

    assert [receive(world, run, each) for each in asked] == asked
    assert run.over == "in-flight cap reached"


def test_messages_that_are_settled_meanwhile_give_a_run_no_more(world: World) -> None:
    # Given a run that has taken the cap, all of which is done a second later, by SQS's count
    world.queue.counts = 0
    run = InFlightCap([world.queue], limit=10)
    receive(world, run, 10)
    world.pass_time(1)

    assert may_receive(world, run) == 0, "the count may be a minute old, and not know of those ten"
    assert len(world.queue.asked("in_flight")) == 1


class TestPollers:
    """Polls go out side by side: what one asked for is reserved until it says how many came."""

    def test_pollers_together_never_ask_for_more_than_the_cap(self, world: World) -> None:
        run = InFlightCap([world.queue], limit=25)

        assert [may_receive(world, run) for _ in range(4)] == [10, 10, 5, 0]
        assert run.over is None, "they may give it back"

    def test_messages_that_did_not_come_are_free_again(self, world: World) -> None:
        run = InFlightCap([world.queue], limit=10)
        asked = may_receive(world, run)

        run.received(Share(asked), 3)

        assert may_receive(world, run) == 7


def test_a_run_without_sqs_count_makes_the_small_poll(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.queue.broken = {"in_flight"}
    run = InFlightCap([world.queue], limit=100)

    assert [receive(world, run, 10), may_receive(world, run)] == [10, 0]
    assert "in-flight count is missing" in caplog.text
