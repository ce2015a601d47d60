"""The follow-ups of a task, killed at each call and in hostile worlds: no next task and no reply is lost,
none is sent before its task is done, and no task that is recorded as done runs again for it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from tests.promises.hostile.following import FollowingWorld
from tests.promises.hostile.killed import STEPS_OF_A_TASK, Killed
from tests.promises.hostile.test_failing import FAULTS
from tests.promises.hostile.world import lose_the_first_record
from tests.support import slow


@pytest.mark.parametrize("fifo", [False, *slow(True)])
@pytest.mark.parametrize(
    "chain",
    [
        ("once", "once"),
        ("plain", "plain"),
        ("booked", "booked"),
        ("told", "told"),
        ("stored", "stored"),
        *slow((("once", "plain", "booked", "plain", "once"),), (("plain", "once", "plain"),)),
    ],
    ids="-".join,
)
@pytest.mark.parametrize("does", [{}, {"rejects": True}], ids=str)
@pytest.mark.parametrize("lost", [False, True])
def test_killed_at_each_of_its_steps_a_chain_runs_to_its_end_and_replies(
    chain: Sequence[str], does: dict[str, Any], fifo: bool, lost: bool
) -> None:
    world, steps = FollowingWorld(fifo=fifo), STEPS_OF_A_TASK * len(chain)
    killed = Killed(world, lost=lost)
    for at in range(1, steps + 1):
        killed.at(world.send(*chain, group=f"g{at}" if fifo else None, **does), at)
    world.run_to_the_end()

    assert [broken for one in range(steps) for broken in world.broken(one, exactly=not lost)] == []
    assert 2 * len(chain) <= len(killed.struck) < steps
    world.sandbox.__exit__()


def test_a_worker_whose_record_another_one_has_sends_nothing() -> None:
    world = FollowingWorld(worker_timeout_seconds=900)
    lose_the_first_record(world.sandbox)
    origin = world.send("once", "plain", times=2, seconds=400)
    world.run_to_the_end()

    assert world.lost == {(1, f"origin-{origin}")}
    assert world.broken(origin) == []
    world.sandbox.__exit__()


@pytest.fixture(params=[*range(8), *slow(*range(8, 60))])
def world(request: pytest.FixtureRequest) -> Any:
    draw = Random(request.param)
    fifo = draw.random() < 0.5
    world = FollowingWorld(
        faults={kind: draw.choice([0.0, 0.03, 0.2]) for kind in (*FAULTS, "clock off")},
        seed=request.param,
        fifo=fifo,
        batch_size=draw.choice([1, 10]),
        trigger=draw.choice(["schedule", "events"]),
        worker_timeout_seconds=300,
    )
    world.chains = []
    for _ in range(8):
        chain = draw.choices(["plain", "once"], k=draw.randint(1, 4))
        does = draw.choice(({}, {}, {"fails": 2}, {"fails": 9}, {"seconds": 70}, {"rejects": True}))
        origin = world.send(*chain, group=draw.choice("abc") if fifo else None, **does)
        world.chains.append(origin)
    world.sandbox.run_for(60 * draw.randint(1, 20))
    world.run_to_the_end()
    yield world
    world.sandbox.__exit__()


def test_in_a_hostile_world_no_follow_up_is_lost_and_none_comes_too_early(world: Any) -> None:
    for origin in world.chains:
        assert world.broken(origin) == []
