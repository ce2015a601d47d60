"""More consumers move a backlog sooner, and none of them receives more than caps and rates allow."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import pytest
from tests.promises.hostile import promises
from tests.promises.hostile.world import HostileWorld
from tests.support import slow

from consumer.flow.slots import LATE_SECONDS
from consumer.others import LOOK_SECONDS
from shared.ports.queue import MAX_PER_CALL
from zigzag import Context, task
from zigzag_testing import Sandbox

QUEUES = {"default": 3, "urgent": 6, "bulk": 1}
SPEED = 10.0
"""Messages a second that one consumer dispatches."""


class World:
    """A sandbox with consumers of that speed, whose tasks note when they start and end.

    most_running -- most tasks that ran at the same time, by their queues.
    """

    def __init__(self, speed: float = SPEED, **options: Any) -> None:
        self._started: list[tuple[float, str]] = []
        self._running, self.most_running = Counter[str](), Counter[str]()

        @task
        async def note(payload: dict[str, Any], context: Context) -> None:
            queue = payload.get("queue", "default")
            self._started.append((self.seconds(), queue))
            self._running[queue] += 1
            self.most_running |= self._running
            await asyncio.sleep(payload.get("seconds", 0))
            self._running[queue] -= 1

        self.note = note
        self.sandbox = Sandbox({"note": note}, consumer_speed=speed, **options)
        self._began = self.sandbox.clock.now()

    def send(self, number: int, **payload: Any) -> None:
        for _ in range(number):
            self.note.send(payload, queue=payload.get("queue", "default"))

    def seconds(self) -> float:
        """Returns the time from the beginning."""
        return self.sandbox.clock.now() - self._began

    def running(self) -> int:
        """Returns how many tasks run now, of all queues."""
        return self._running.total()

    def starts(self, since: float = 0.0, until: float = inf, queue: str = "") -> list[float]:
        """Returns when tasks started in that time, in seconds from the beginning."""
        return [at for at, name in self._started if since <= at < until and queue in ("", name)]

    def rate(self, since: float, until: float, queue: str = "") -> float:
        """Returns how many tasks started a second in that time."""
        return len(self.starts(since, until, queue)) / (until - since)


@contextmanager
def a_world(**options: Any) -> Iterator[World]:
    world = World(**options)
    with world.sandbox:
        yield world
        for queue in world.sandbox.queues.values():
            queue.purge()
        world.sandbox.run()


@pytest.mark.slow
@pytest.mark.parametrize("consumers", [1, 2, *slow(4)])
def test_so_many_consumers_start_so_many_times_as_many_tasks(consumers: int) -> None:
    with a_world(max_consumers=consumers) as world:
        world.send(5_000)
        world.sandbox.run_for(60)

        assert world.rate(2 * LOOK_SECONDS, 60) == pytest.approx(consumers * SPEED, rel=0.1)


@pytest.mark.slow
def test_over_some_minutes_each_of_the_others_adds_what_one_moves_in_a_minute() -> None:
    # A scheduled tick goes on for 15 s next to the next one, the others go one after the other
    with a_world(max_consumers=2) as world:
        world.send(6_000)
        world.sandbox.run_for(180)

        assert world.rate(60, 180) == pytest.approx(SPEED * (75 / 60 + 1), rel=0.1)


def test_a_backlog_that_one_can_move_starts_no_others() -> None:
    with a_world(max_consumers=4) as world:
        world.send(int(50 * SPEED))
        world.sandbox.run_for(90)

        assert len(world.sandbox.fired) == 2, "the schedule's"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "consumers"),
    [
        pytest.param("firing doubled", 2 + 3, id="two scheduled ticks each minute"),
        pytest.param("event doubled", 2 * (1 + 3), id="each started consumer twice, and each worker"),
    ],
)
def test_what_fires_twice_does_not_multiply_the_others(kind: str, consumers: int) -> None:
    with a_world(max_consumers=4, faults={kind: 1.0}) as world:
        world.send(6_000)
        world.sandbox.run_for(60)

        assert world.rate(20, 60) == pytest.approx(consumers * SPEED, rel=0.1)


class TestCap:
    CAP = 2_000

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("doubled", "caps"),
        [
            pytest.param(0.0, 1, id="one run a minute", marks=pytest.mark.slow),
            pytest.param(1.0, 2, id="two: a cap more"),
        ],
    )
    def test_all_that_a_run_starts_receive_it_once(self, doubled: float, caps: int) -> None:
        with a_world(max_consumers=4, in_flight_cap=self.CAP, faults={"firing doubled": doubled}) as world:
            world.send(6_000, seconds=50)
            world.sandbox.run_for(59)

            assert 1.5 * 60 * SPEED < len(world.starts()) <= caps * self.CAP

    def test_with_a_count_that_is_a_minute_late_twice_the_cap_and_a_tenth_in_each_run(self) -> None:
        # Given tasks that go on, so that all which have started are in flight
        cap = 900
        with a_world(max_consumers=4, in_flight_cap=cap, count_late_seconds=60) as world:
            world.send(4 * cap, seconds=50)
            broken = []
            for run in range(1, 5):
                world.sandbox.run_for(60)
                # Nothing is settled in the lives of a run and of the one before it
                lately = len(world.starts(world.seconds() - 50))
                if lately > 2 * cap + run * cap / 10:
                    broken.append((run, lately))
            assert broken == []


class TestCapOfSeveralQueues:
    """It is spread over the minute, in the tick and in those that it starts."""

    CAP = 2_400

    @pytest.mark.slow
    def test_they_start_as_many_times_as_many_tasks_as_the_cap_allows(self) -> None:
        with a_world(max_consumers=3, queues=QUEUES, in_flight_cap=self.CAP) as world:
            for queue in QUEUES:
                world.send(4_000, queue=queue)
            world.sandbox.run_for(180)

            assert world.rate(60, 180) == pytest.approx(3 * SPEED, rel=0.15)

    def test_if_one_can_move_what_the_cap_allows_none_is_started(self) -> None:
        with a_world(max_consumers=4, queues=QUEUES, in_flight_cap=int(60 * SPEED)) as world:
            for queue in QUEUES:
                world.send(1_000, queue=queue)
            world.sandbox.run_for(120)

            assert len(world.sandbox.fired) == 2, "the schedule's"

    @pytest.mark.parametrize("seconds", slow(5, 50))
    def test_with_a_count_that_is_a_minute_late_twice_the_cap_and_a_tenth_in_each_run(
        self, seconds: int
    ) -> None:
        options = {"max_consumers": 4, "queues": QUEUES, "in_flight_cap": self.CAP, "count_late_seconds": 60}
        with a_world(speed=20, **options) as world:
            for queue in QUEUES:
                world.send(4_000, queue=queue, seconds=seconds)
            most = 0
            for _ in range(300):
                world.sandbox.run_for(1)
                most = max(most, world.running())

            assert len(world.sandbox.fired) > 300 / 60 + 1, "others were started"
            assert most <= 2 * self.CAP + 5 * self.CAP / 10
            started = [world.starts(since, since + 60) for since in range(240)]
            assert max(map(len, started)) <= 1.1 * self.CAP, "the cap, and a tenth whatever is in flight"


@pytest.mark.slow
def test_weights_hold_in_each_of_them() -> None:
    with a_world(speed=40, max_consumers=2, queues=QUEUES) as world:
        for queue in QUEUES:
            world.send(4_000, queue=queue)
        world.sandbox.run_for(40)

        for queue, weight in QUEUES.items():
            part = world.rate(20, 40, queue) / world.rate(20, 40)
            assert part == pytest.approx(weight / sum(QUEUES.values()), abs=0.05)


@pytest.mark.slow
def test_a_rate_is_kept_next_to_a_queue_that_needs_them() -> None:
    # Given a queue with a rate of one each two seconds, next to one with a long backlog. A dispatch waits for
    # those of three other pollers: that may not take as long as a slot lasts.
    speed = 3 * MAX_PER_CALL / LATE_SECONDS + SPEED
    options = {"max_consumers": 4, "queues": {"default": 1, "bulk": 1}, "flow_control": True}
    with a_world(speed=speed, **options) as world:
        world.sandbox.limit(2, 1)
        world.send(6_000, queue="bulk")
        world.send(100, queue="default")
        world.sandbox.run_for(60)

        assert world.rate(20, 60, "bulk") > 3 * speed
        starts = world.starts(queue="default")
        assert len(starts) > 0.8 * 60 / 2
        spans = itertools.combinations(range(len(starts)), 2)
        assert all(last - first <= (starts[last] - starts[first] + LATE_SECONDS) / 2 for first, last in spans)


@pytest.mark.slow
def test_an_exact_cap_is_kept_next_to_a_queue_that_needs_them() -> None:
    with a_world(max_consumers=4, queues={"default": 1, "bulk": 1}, flow_control=True) as world:
        world.sandbox.limit_at_once(5)
        world.send(200, queue="default", seconds=4)
        world.send(6_000, queue="bulk")
        world.sandbox.run_for(60)

        assert world.rate(20, 60, "bulk") > 3 * SPEED
        assert 3 <= world.most_running["default"] <= 5


FAULTS = {
    "firing doubled": 0.3,
    "event doubled": 0.05,
    "event late": 0.2,
    "event dropped": 0.05,
    "invoke throttled": 0.02,
    "invoke's answer lost": 0.02,
    "call failed": 0.02,
    "call's answer lost": 0.02,
    "crash before a call": 0.002,
    "crash after a call": 0.002,
    "clock off": 0.3,
}


@pytest.mark.parametrize("fifo", [False, True])
def test_whatever_goes_wrong_nothing_is_lost_and_nothing_is_given_up_untried(fifo: bool) -> None:
    # Given a backlog of some minutes, and faults of every kind in all consumers
    world = HostileWorld(FAULTS, seed=3, fifo=fifo, max_consumers=4, consumer_speed=4)
    try:
        for number in range(600):
            name = ("plain", "once", "by_key")[number % 3]
            does = {"fails": 1} if number % 10 == 0 else {}
            world.send(name, group=f"{number % 50}" if fifo else None, **does)
        world.sandbox.run_for(180)
        world.settle_down()

        assert len(world.sandbox.fired) > 180 / 60 * 2, "others were started"
        promises.check_every_message_ended(world)
        promises.check_dead_letters_were_tried(world)
        promises.check_no_start_too_many(world)
        promises.check_nothing_done_is_repeated(world)
        promises.check_nothing_overlaps(world, plain=False)
    finally:
        world.close()
