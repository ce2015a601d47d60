"""An exact cap holds for the whole fleet, no matter what fails, and no permit is lost for good."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile.conftest import Limited
from tests.promises.hostile.limited import FAULTS as OF_LIMITS
from tests.promises.hostile.limited import LimitedWorld
from tests.support import slow

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from shared.lease import LEASE_SECONDS
from shared.ports.gates import HELD
from shared.ports.queue import MAX_POLL_SECONDS
from shared.queues import DEFAULT
from zigzag_testing.outages import Outage
from zigzag_testing.sandbox import CONSUMER_TIMEOUT_SECONDS
from zigzag_testing.schedules import every

FAULTS = OF_LIMITS | {
    "crash before a call": 0.01,
    "crash after a call": 0.01,
    "crash of a task": 0.03,
    "event doubled": 0.2,
    "event late": 0.2,
    "invoke failed": 0.02,
    "invoke's answer lost": 0.03,
    "message doubled": 0.03,
    "clock off": 0.3,
}


def held(world: LimitedWorld) -> dict[str, float]:
    assert world.sandbox.gates is not None
    found: dict[str, float] = world.sandbox.gates.attributes[DEFAULT][HELD]
    return found


TROUBLES = ("kills", "the table is slow", "the table is silent", "the table is away")


@pytest.mark.parametrize(
    ("at_once", "consumers", "trouble"),
    [
        (1, 1, TROUBLES[0]),
        *slow(*product((1, 5), (4,), TROUBLES), (5, 1, TROUBLES[0])),
        *slow(*product((1, 5), (1,), TROUBLES[1:]), *product((1, 5), (2,), TROUBLES)),
    ],
)
def test_no_more_run_at_once_than_may(
    limited: Limited, at_once: int, consumers: int, trouble: str, record_property: Record
) -> None:
    # Given as many consumers at once, and tasks of which some take longer than a permit
    random = Random(consumers)
    world = limited(
        FAULTS,
        at_once=at_once,
        worker_timeout_seconds=900,
        watch_always=True,
        schedule=every(75 / consumers),
        seed=consumers,
    )
    now = world.sandbox.clock.now()
    if trouble != "kills":
        how = trouble.rpartition(" ")[2]
        partial = [Outage("records", how, now + at, now + at + 200, 0.5) for at in range(900, 3600, 300)]
        world.faults.outages.plan([Outage("records", how, now + 300, now + 700), *partial])
    for _ in range(60 * at_once):
        world.send("plain", seconds=random.choice([0, 1, 4, 4, 20, 200, 300]))

    # When they run, and all is well at last
    world.sandbox.run_for(3600)
    world.settle_down()
    world.sandbox.run_for(LEASE_SECONDS)
    world.sandbox.schedule = None  # a tick that lingers has a permit until it ends
    world.sandbox.run_for(CONSUMER_TIMEOUT_SECONDS)

    found = world.trail.most_at_once()
    record_property(COUNTED, f"cap {at_once}, {consumers} consumers, {trouble}: {found} at once")
    assert found == at_once
    assert held(world) == {}


@pytest.mark.parametrize(("seconds", "used"), [(4, 0.85), *slow((30, 0.65), (100, 0.8))])
@pytest.mark.parametrize("watch_always", [False, *slow(True)])
@pytest.mark.parametrize("at_once", [1, 5])
def test_a_backlog_uses_the_cap_up(
    limited: Limited, at_once: int, watch_always: bool, seconds: float, used: float, record_property: Record
) -> None:
    world = limited({}, at_once=at_once, worker_timeout_seconds=900, watch_always=watch_always)
    for _ in range(at_once * 100):
        world.send("plain", seconds=seconds)

    world.sandbox.run()

    ran = world.starts()
    took = max(start.ended for start in ran) - min(start.began for start in ran)
    share = sum(start.ended - start.began for start in ran) / at_once / took
    record_property(
        COUNTED, f"cap {at_once}, tasks of {seconds} s, watched always: {watch_always}: {share:.1%} used"
    )
    assert used <= share <= 1


@pytest.mark.parametrize("seconds", range(250, 310, 7))
def test_a_killed_task_gives_its_place_to_the_next_within_a_lease(limited: Limited, seconds: int) -> None:
    world = limited({}, at_once=1, worker_timeout_seconds=900)
    dying = world.send("plain", seconds=seconds, crashes=99)
    world.sandbox.run_for(1)
    next = world.send("plain")
    died = seconds + world.trail.starts(dying)[0].began

    world.sandbox.run()

    waited = world.trail.starts(next)[0].began - died
    assert 0 < waited <= LEASE_SECONDS


def test_a_message_that_waits_for_its_retry_takes_no_place(limited: Limited) -> None:
    # Given as many that fail as may run at once, and that wait for a retry
    world = limited({}, at_once=3, watch_always=True, attempts=2, in_flight_cap=3)
    for _ in range(30):
        world.send("plain", fails=1)
    world.sandbox.run_for(20)
    failed = len(world.starts())

    # Then others start meanwhile
    assert failed >= 30


@pytest.mark.parametrize("consumers", [1, 4, *slow(2)])
@pytest.mark.parametrize(("before", "after"), [(10, 1), (30, 3)])
def test_a_smaller_cap_holds_for_all_that_is_sent_after_it(
    limited: Limited, before: int, after: int, consumers: int
) -> None:
    # Given consumers that linger, with the permits that their last receive did not use
    faults = FAULTS | {"call slow": 0.0}  # a slow receive is under way when the cap changes
    world = limited(
        faults,
        at_once=before,
        messages=2,
        watch_always=True,
        schedule=every(75 / consumers),
        seed=consumers,
    )
    world.sandbox.run_for(3)

    # When the cap is smaller, and many wait a moment later
    world.sandbox.limit_at_once(after)
    world.sandbox.run_for(LOOK_AGAIN_SECONDS + 0.5)
    for _ in range(2 * before):
        world.send("plain", seconds=4)
    world.settle_down()

    assert world.trail.most_at_once() == after


def test_the_first_cap_does_not_count_what_runs_already(limited: Limited) -> None:
    # Given 50 that run for some minutes, without a cap
    world = limited({}, worker_timeout_seconds=900, watch_always=True)
    for _ in range(50):
        world.send("plain", seconds=300)
    world.sandbox.run_for(5)

    # When a cap is set, and more come once no poll of before is under way
    world.sandbox.limit_at_once(1)
    world.sandbox.run_for(MAX_POLL_SECONDS)
    for _ in range(5):
        world.send("plain", seconds=20)
    world.sandbox.run()

    assert world.trail.most_at_once() == 51
