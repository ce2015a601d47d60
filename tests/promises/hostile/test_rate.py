"""A rate holds for the whole fleet, however many consumers overlap, and however late workers are started."""

from __future__ import annotations

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile.conftest import Limited
from tests.promises.hostile.limited import FAULTS, most_within
from tests.support import delay, slow

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.flow.slots import LATE_SECONDS
from shared.ports.gates import Rate
from zigzag_testing.sandbox import CLOCKS_DIFFER_SECONDS
from zigzag_testing.schedules import every

WINDOWS = (0.0, 1.0, 10.0, 60.0)


@pytest.mark.parametrize("clocks", [*slow("equal"), "differing"])
@pytest.mark.parametrize("consumers", [1, *slow(2, 4)])
@pytest.mark.parametrize("rate", [Rate(0.1, 10), Rate(0.5, 5), Rate(3, 1)], ids=str)
def test_no_more_start_than_the_rate_allows(
    limited: Limited, rate: Rate, consumers: int, clocks: str, record_property: Record
) -> None:
    # Given as many consumers at once, whose events come up to a minute late
    seconds = 75 / consumers
    faults = FAULTS | {"clock off": 0.3 if clocks == "differing" else 0.0}
    world = limited(
        faults, rate=rate, messages=300, watch_always=True, schedule=every(seconds), seed=consumers
    )

    world.sandbox.run_for(1800)
    world.settle_down()

    # Then no window of T seconds has more starts than n (T + L + D) + burst
    began = world.began()
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
@pytest.mark.parametrize("watch_always", [False, *slow(True)])
def test_a_backlog_uses_the_rate_up(
    limited: Limited, rate: Rate, messages: int, used: float, watch_always: bool, record_property: Record
) -> None:
    world = limited({}, rate=rate, messages=messages, watch_always=watch_always)

    world.sandbox.run()

    began = world.began()
    share = (len(began) - rate.burst) * rate.every / (began[-1] - began[0])
    record_property(COUNTED, f"{rate}: {share:.1%} used, {most_within(began, 1)} within a second")
    assert len(began) == messages
    assert used <= share <= 1.001


@pytest.mark.parametrize("rate", [Rate(60), Rate(600)], ids=str)
def test_so_is_it_while_half_of_the_messages_arrive(
    limited: Limited, rate: Rate, record_property: Record
) -> None:
    # Given ten that wait, and ten that arrive, until the queue is empty between them
    world = limited({}, rate=rate, messages=10, watch_always=True)
    sent = [world.sandbox.clock.now()] * 10
    for _ in range(10):
        world.sandbox.run_for(2.5 * rate.every)
        world.send("plain")
        sent.append(world.sandbox.clock.now())

    world.sandbox.run()

    # Then each starts when the rate allows it
    slot, late = 0.0, 0.0
    for at, began in zip(sent, world.began(), strict=True):
        slot = max(at, slot + rate.every)
        late += began - slot
    used = 1 - late / rate.every / len(sent)
    record_property(COUNTED, f"{rate}, half of the messages arrive: {used:.1%} used")
    assert used >= 0.97


@pytest.mark.parametrize("seconds", [3, *slow(1.9, 4.5)])
def test_slow_gates_slow_a_rate_down_and_do_not_stop_it(limited: Limited, seconds: float) -> None:
    world = limited({}, watch_always=True)
    delay(world.sandbox, world.sandbox.gates, "swap", before=seconds)
    world.sandbox.limit(1, 1)
    for _ in range(300):
        world.send("plain")

    world.sandbox.run_for(1800)

    assert len(world.began()) >= 0.9 * min(300, 1800 / (2 * seconds))


@pytest.mark.parametrize("consumers", [1, *slow(2, 4)])
@pytest.mark.parametrize("after", [Rate(60), Rate(600)], ids=str)
@pytest.mark.parametrize(("before", "cap"), [(Rate(60, 10), None), (None, 10)], ids=str)
def test_a_lower_rate_holds_for_all_that_is_sent_after_it(
    limited: Limited, before: Rate | None, cap: int | None, after: Rate, consumers: int
) -> None:
    # Given consumers that linger, with the slots or permits that their last receive did not use
    faults = FAULTS | {"call slow": 0.0}  # a slow receive is under way when the rate changes
    world = limited(
        faults,
        rate=before,
        at_once=cap,
        messages=2,
        watch_always=True,
        schedule=every(75 / consumers),
        seed=consumers,
    )
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


@pytest.mark.parametrize("watch_always", [False, *slow(True)])
@pytest.mark.parametrize("rate", [Rate(20), Rate(600)], ids=str)
def test_a_refused_invoke_costs_no_slot(limited: Limited, rate: Rate, watch_always: bool) -> None:
    world = limited({"invoke throttled": 0.2}, rate=rate, messages=100, watch_always=watch_always)

    world.sandbox.run_for(50 * rate.every)

    assert world.faults.struck["invoke throttled"] >= 5
    assert len(world.began()) >= 49
