"""Virtual time: it passes only when everybody waits."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.support import World

from zigzag_testing import virtual_time


def test_no_time_passes_while_a_thread_is_at_work(world: World) -> None:
    # Given a sleep of a minute, which is due next
    async def work() -> float:
        sleeping = asyncio.create_task(world.clock.sleep(60))
        await asyncio.to_thread(time.sleep, 0.05)
        now = world.seconds()
        await sleeping
        return now

    assert world.run(work()) == 0


def test_waiting_for_what_will_never_come_is_an_error_and_no_standstill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_time, "THREAD_SECONDS", 0.1)

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="all code waits for something that will never come"):
        world.run(wait())


def test_time_passes_though_several_wait_for_less_than_the_loops_resolution(world: World) -> None:
    async def wait() -> None:
        for _ in range(2_000):
            await world.clock.sleep(1e-7)

    async def both() -> None:
        await asyncio.gather(wait(), wait())

    world.run(both())

    assert world.seconds() > 1e-3
