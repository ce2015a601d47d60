"""Running in place: a coroutine that never waits needs no event loop."""

from __future__ import annotations

import asyncio

import pytest

from zigzag.in_place import run_in_place


def test_a_coroutine_that_waits_is_refused_and_closed() -> None:
    closed = []

    async def wait() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="only ports that block can be used in place"):
        run_in_place(wait())
    assert closed == [True]


def test_it_works_within_a_running_event_loop_too() -> None:
    async def four() -> int:
        return 4

    async def outer() -> int:
        return run_in_place(four())

    assert asyncio.run(outer()) == 4
