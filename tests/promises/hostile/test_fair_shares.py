"""What one of several queues could not have, while it was in trouble or was empty, is not taken from the
others, neither meanwhile nor later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.promises.hostile.test_several_queues import CAP, QUEUES, World, no_worker
from tests.support import delay
from tests.support import slow as slowly

from shared.ports.queue import QueueError
from shared.ports.workers import Meaning

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

    @pytest.mark.parametrize("cap", [60, *slowly(35, 120, 280)])
    def test_polls_of_empty_queues_hold_no_place_that_a_busy_one_needs(self, cap: int) -> None:
        with World(in_flight_cap=cap, watch_always=True) as world:
            for number in range(20):
                world.sandbox.run_for(20 + number)
                sent_at = world.seconds()
                world.send(bulk=5)
                world.sandbox.run_for(10)

                assert world.waits("bulk", sent_at) <= 2

    def test_a_count_that_hangs_holds_up_the_beginning_of_a_tick_and_nothing_else(self) -> None:
        with World(in_flight_cap=CAP) as world:
            for queue in world.sandbox.queues.values():
                queue.in_flight = never(world)  # type: ignore[method-assign]
            world.send(**BACKLOG)
            world.sandbox.run_for(5 * 60)

            for minute in range(1, 5):
                assert world.counts(60 * minute + 5, 60 * minute + 60).total() > 0.95 * CAP * 50 / 60


def never(world: World) -> Callable[[], Any]:
    """Returns a call that gets no answer for as long as a client waits for one."""

    async def hangs() -> int:
        await world.sandbox.clock.sleep(5)
        raise QueueError("no answer", "in a test", Meaning.AMBIGUOUS)

    return hangs


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
