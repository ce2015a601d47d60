"""Virtual time: it passes only when everybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.support import NOW

from zigzag_testing import virtual_time
from zigzag_testing.virtual_time import VirtualClock, virtual_runner


@pytest.fixture
def runner_and_clock() -> Iterator[tuple[asyncio.Runner, VirtualClock]]:
    runner, clock = virtual_runner()
    yield runner, clock
    runner.close()


def test_a_year_of_sleep_takes_no_time(runner_and_clock: tuple[asyncio.Runner, VirtualClock]) -> None:
    runner, clock = runner_and_clock

    runner.run(clock.sleep(365 * 24 * 3600))

    assert clock.now() == pytest.approx(NOW + 365 * 24 * 3600)


def test_sleepers_wake_in_the_order_of_their_time(
    runner_and_clock: tuple[asyncio.Runner, VirtualClock],
) -> None:
    runner, clock = runner_and_clock
    woken = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, round(clock.now() - NOW, 3)))

    async def all_of_them() -> None:
        await asyncio.gather(sleep(3), sleep(1), sleep(2))

    runner.run(all_of_them())

    assert woken == [(1, 1), (2, 2), (3, 3)]


def test_waiting_for_what_will_never_come_is_an_error_and_no_standstill(
    runner_and_clock: tuple[asyncio.Runner, VirtualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_time, "THREAD_SECONDS", 0.1)
    runner, _ = runner_and_clock

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="everything waits for something that will not come"):
        runner.run(wait())
