"""Virtual time: it passes only when everybody waits."""

from __future__ import annotations

import asyncio

import pytest
from tests.support import World

from zigzag_testing import virtual_time


def test_waiting_for_what_will_never_come_is_an_error_and_no_standstill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_time, "THREAD_SECONDS", 0.1)

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="all code waits for something that will never come"):
        world.run(wait())
