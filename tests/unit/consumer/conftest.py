"""One tick of a world's queue, whose flow the gates control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.support import ScriptedWorkers, WatchedGates, World

from consumer.consumer import Consumer, PolledQueue
from consumer.linger import Lingering
from consumer.summary import Summary
from shared.queues import DEFAULT, TaskQueue

type Tick = Callable[..., Summary]
"""Runs one tick. It takes what `ticking` takes after the gates."""


async def ticking(
    world: World,
    gates: WatchedGates | None,
    workers: ScriptedWorkers | None = None,
    *,
    others: Sequence[PolledQueue] = (),
    watch_always: bool = False,
    in_flight_cap: int = 0,
    **of_the_queue: Any,
) -> Summary:
    """Makes one tick of the world's queue, and of others. `of_the_queue` is what a TaskQueue takes."""
    queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url, **of_the_queue)
    consumer = Consumer(
        [PolledQueue(queue, world.queue, world.dead_letters), *others],
        workers or ScriptedWorkers(),
        world.clock,
        world.random,
        lingering=Lingering(watch_always=watch_always),
        in_flight_cap=in_flight_cap,
        gates=gates,
    )
    return await consumer.tick(90)


@pytest.fixture
def gates(world: World) -> WatchedGates:
    return WatchedGates(world.clock)


@pytest.fixture
def tick(world: World, gates: WatchedGates) -> Tick:
    return lambda *given, **options: world.run(ticking(world, gates, *given, **options))
