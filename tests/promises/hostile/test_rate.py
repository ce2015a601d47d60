"""A rate holds for the whole fleet, however many consumers overlap, and however late workers are started."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.conftest import COUNTED
from tests.promises.hostile.world import HostileWorld

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.flow.slots import LATE_SECONDS
from shared.ports.gates import Gate, Rate, Taking
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.sandbox import CLOCKS_DIFFER_SECONDS
from zigzag_testing.schedules import every
from zigzag_testing.virtual_time import VirtualClock

FAULTS = {
    "firing doubled": 0.3,
    "receive failed": 0.05,
    "call failed": 0.03,
    "call's answer lost": 0.03,
    "call slow": 0.03,
    "crash before a call": 0.005,
    "crash after a call": 0.005,
    "event late": 0.3,
    "event dropped": 0.05,
    "invoke throttled": 0.03,
}
WINDOWS = (0.0, 1.0, 10.0, 60.0)


@pytest.fixture
def world_of() -> Iterator[Callable[..., HostileWorld]]:
    """Makes a world whose tasks take no time, with a rate and messages that wait."""
    made: list[HostileWorld] = []

    def make(rate: Rate | None, messages: int, faults: Mapping[str, float], **options: Any) -> HostileWorld:
        world = HostileWorld(faults, flow_control=True, **options)
        made.append(world)
        world.sandbox.limit(*(rate or (None,)))
        for _ in range(messages):
            world.send("plain")
        return world

    yield make
    for world in made:
        world.close()


def starts(world: HostileWorld) -> list[float]:
    """Returns when each worker began that ran a task."""
    ran = {start.process for life in world.trail.lives for start in life.starts}
    return sorted(at for process, at in world.trail.began.items() if process in ran)


def most_within(began: list[float], seconds: float) -> int:
    return max(bisect_right(began, at + seconds) - number for number, at in enumerate(began))


@pytest.mark.parametrize("clocks", ["equal", "differing"])
@pytest.mark.parametrize("consumers", [1, 2, 4])
@pytest.mark.parametrize("rate", [Rate(0.1, 10), Rate(0.5, 5), Rate(3, 1)], ids=str)
def test_no_more_start_than_the_rate_allows(
    world_of: Callable[..., HostileWorld],
    rate: Rate,
    consumers: int,
    clocks: str,
    record_property: Callable[[str, object], None],
) -> None:
    # Given as many consumers at once, whose events come up to a minute late
    seconds = 75 / consumers
    faults = FAULTS | {"clock off": 0.3 if clocks == "differing" else 0.0}
    world = world_of(rate, 300, faults, linger_seconds=70, schedule=every(seconds), seed=consumers)

    world.sandbox.run_for(1800)
    world.settle_down()

    # Then no window of T seconds has more starts than n (T + L + D) + burst
    began = starts(world)
    late = max(LATE_SECONDS, rate.every) + (2 * CLOCKS_DIFFER_SECONDS if clocks == "differing" else 0)
    found = {span: most_within(began, span) for span in WINDOWS}
    record_property(COUNTED, f"{rate}, {consumers} consumers, {clocks} clocks: {found}")
    assert len(began) >= 300
    assert found == {
        span: min(number, int((span + late) / rate.every) + rate.burst) for span, number in found.items()
    }


@pytest.mark.parametrize(
    ("rate", "messages", "used"),
    [
        (Rate(0.1, 10), 1000, 0.97),
        (Rate(12, 1), 60, 0.97),
        (Rate(20, 1), 60, 0.97),
        (Rate(36, 1), 60, 0.97),
        (Rate(60, 1), 60, 0.9),
        (Rate(75, 1), 60, 0.97),
        (Rate(600, 1), 20, 0.97),
    ],
    ids=str,
)
@pytest.mark.parametrize("linger_seconds", [0, 70])
def test_a_backlog_uses_the_rate_up(
    world_of: Callable[..., HostileWorld],
    rate: Rate,
    messages: int,
    used: float,
    linger_seconds: int,
    record_property: Callable[[str, object], None],
) -> None:
    world = world_of(rate, messages, {}, linger_seconds=linger_seconds)

    world.sandbox.run()

    began = starts(world)
    share = (len(began) - rate.burst) * rate.every / (began[-1] - began[0])
    record_property(COUNTED, f"{rate}: {share:.1%} used, {most_within(began, 1)} within a second")
    assert len(began) == messages
    assert used <= share <= 1.001


class SlowGates(MemoryGates):
    """Gates whose writes take their time, for all consumers."""

    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        await self._clock.sleep(self._seconds)
        return await super().swap(queue, rev, taking)


@pytest.mark.parametrize("seconds", [1.9, 3, 4.5])
def test_slow_gates_slow_a_rate_down_and_do_not_stop_it(
    world_of: Callable[..., HostileWorld], seconds: float
) -> None:
    world = world_of(Rate(1, 1), 0, {}, linger_seconds=70)
    world.sandbox.gates = SlowGates(world.sandbox.clock, seconds)
    world.sandbox.limit(1, 1)
    for _ in range(300):
        world.send("plain")

    world.sandbox.run_for(1800)

    assert len(starts(world)) >= 0.9 * min(300, 1800 / (2 * seconds))


@pytest.mark.parametrize("consumers", [1, 2, 4])
@pytest.mark.parametrize("after", [Rate(60), Rate(600)], ids=str)
@pytest.mark.parametrize(("before", "cap"), [(Rate(60, 10), None), (None, 10)], ids=str)
def test_a_lower_rate_holds_for_all_that_is_sent_after_it(
    world_of: Callable[..., HostileWorld], before: Rate | None, cap: int | None, after: Rate, consumers: int
) -> None:
    # Given consumers that linger, with the slots or permits that their last receive did not use
    faults = FAULTS | {"call slow": 0.0}  # a slow receive is under way when the rate changes
    world = world_of(before, 2, faults, linger_seconds=70, schedule=every(75 / consumers), seed=consumers)
    world.sandbox.limit_at_once(cap)
    world.sandbox.run_for(3)

    # When the rate is lower, and many wait a moment later
    world.sandbox.limit(*after)
    world.sandbox.run_for(LOOK_AGAIN_SECONDS + 0.5)
    later = [world.send("plain") for _ in range(20)]
    world.sandbox.run_for(2 * 3600)

    began = sorted(start.began for id in later for start in world.trail.starts(id))
    assert began
    for span in WINDOWS:
        assert most_within(began, span) <= (span + after.every) / after.every + after.burst


@pytest.mark.parametrize("linger_seconds", [0, 70])
@pytest.mark.parametrize("rate", [Rate(20), Rate(600)], ids=str)
def test_a_refused_invoke_costs_no_slot(
    world_of: Callable[..., HostileWorld], rate: Rate, linger_seconds: int
) -> None:
    world = world_of(rate, 100, {"invoke throttled": 0.2}, linger_seconds=linger_seconds)

    world.sandbox.run_for(50 * rate.every)

    assert world.faults.struck["invoke throttled"] >= 5
    assert len(starts(world)) >= 49
