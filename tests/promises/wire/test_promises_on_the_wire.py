"""The promises hold on the wire too: the adapters and the lean transport, in hostile worlds.

The judges are those of `tests/promises/hostile`. Here a call goes wrong by its bytes: no connection, a
reset, a 503, half an answer, or none. The judges check each call as well: an invoke and a receive are sent
once, and a report on an invoke is true.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile import promises
from tests.promises.hostile.world import HostileWorld
from tests.promises.wire.sandbox import SandboxOnTheWire
from tests.promises.wire.wire import FORMS
from tests.support import slow

FAULTS = {
    "call failed": 0.05,
    "call's answer lost": 0.04,
    "call slow": 0.06,
    "entry failed": 0.03,
    "crash before a call": 0.015,
    "crash after a call": 0.015,
    "crash of a task": 0.01,
    "invoke throttled": 0.02,
    "invoke failed": 0.02,
    "invoke's answer lost": 0.08,
    "event dropped": 0.02,
    "event doubled": 0.02,
    "event late": 0.05,
    "clock off": 0.2,
}
OF_A_CALL = ("entry failed", "crash before a call", "crash after a call", "invoke's answer lost")
"""Kinds of the sandbox's own that strike calls, and have one form."""

AT_ONCE = 8
"""As many tasks run at once as may, where there is a gate."""

MESSAGES = 150
"""Of one world."""

STRUCK: Counter[str] = Counter()
"""How often each form of a fault has struck in this file's worlds."""


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def world_of() -> Iterator[Callable[[int], HostileWorld]]:
    """Makes a world on the wire, of a seed. Odd ones have FIFO queues, some a gate."""
    made: list[HostileWorld] = []

    def make(seed: int) -> HostileWorld:
        world = HostileWorld(
            FAULTS,
            seed,
            SandboxOnTheWire,
            fifo=seed % 2 == 1,
            batch_size=(1, 10)[seed % 4 // 2],
            in_flight_cap=(0, 40)[seed % 4 // 2],
            flow_control=seed % 4 >= 2,
            worker_timeout_seconds=900,
        )
        if world.sandbox.gates is not None and not world.fifo:
            world.sandbox.limit(0.2, 10)
            world.sandbox.limit_at_once(AT_ONCE)
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


def live(world: HostileWorld, seed: int, messages: int) -> None:
    """Sends so many, while minutes pass. Then nothing goes wrong any more, and the queue runs empty."""
    random = Random(seed)
    while len(world.trail.sent) < messages:
        for _ in range(random.randint(10, 40)):
            send_one(world, random)
        world.sandbox.run_for(60 * random.randint(1, 2))
        if world.sandbox.gates is not None and random.random() < 0.3:
            world.sandbox.pause()
            world.sandbox.run_for(600)
            world.sandbox.resume()
    world.sandbox.redrive()
    world.settle_down(redrives=True)


def send_one(world: HostileWorld, random: Random) -> None:
    does: dict[str, Any] = {"seconds": random.choice([0, 0, 0, 0, 1, 5, 50, 200])}
    match random.random():
        case chance if chance < 0.03:
            world.send_bad()
            return
        case chance if chance < 0.15:
            does["fails"] = random.choice([1, 2, 99])
        case chance if chance < 0.2:
            does["crashes"] = random.choice([1, 99])
        case chance if chance < 0.23:
            does["rejects"] = 1
    group = f"group-{random.randint(1, 10)}" if world.fifo else None
    name = random.choice(["plain", "once", "by_key"])
    world.send(name, group=group, times=2 if name != "plain" and random.random() < 0.1 else 1, **does)


def what_happened(world: HostileWorld) -> tuple[Any, ...]:
    starts = [(life.id, start) for life in world.trail.lives for start in life.starts]
    return starts, world.faults.struck, sandbox_of(world).wire.struck


def sandbox_of(world: HostileWorld) -> SandboxOnTheWire:
    assert isinstance(world.sandbox, SandboxOnTheWire)
    return world.sandbox


@pytest.mark.parametrize("seed", [0, 1, 3, *slow(2)])
def test_what_is_promised_holds_whatever_goes_wrong_on_the_wire(
    seed: int, world_of: Callable[[int], HostileWorld]
) -> None:
    # Given a world whose calls go over the wire
    world = world_of(seed)
    # When it is lived in
    live(world, seed, MESSAGES)
    sandbox = sandbox_of(world)
    STRUCK.update(sandbox.wire.struck + world.faults.struck)

    # Then what is promised to tasks and to their senders was kept
    promises.check_every_message_ended(world)
    promises.check_dead_letters_were_tried(world)
    promises.check_no_start_too_many(world)
    promises.check_nothing_done_is_repeated(world)
    promises.check_nothing_overlaps(world)
    promises.check_nothing_is_hot(world)
    if world.sandbox.gates is not None and not world.fifo:
        assert world.trail.most_at_once() <= AT_ONCE
    # And no call did, or said, what it must not
    assert sandbox.judge.broken == []
    assert not sandbox.wire.misused, "a connection was used that may have been gone"


@pytest.mark.parametrize("form", [*FORMS, *OF_A_CALL])
def test_this_form_of_a_fault_has_struck_above(form: str, record_property: Record) -> None:
    record_property(COUNTED, f"{form}: struck {STRUCK[form]:,} times")

    assert STRUCK[form] > 0


def test_the_same_seed_has_the_same_bad_day(world_of: Callable[[int], HostileWorld]) -> None:
    days = []
    for _ in range(2):
        world = world_of(7)
        live(world, 7, 10)
        days.append(what_happened(world))
        world.close()

    assert days[0] == days[1]
