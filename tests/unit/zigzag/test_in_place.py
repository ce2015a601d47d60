"""Running in place: a coroutine that never waits needs no event loop."""

from __future__ import annotations

import asyncio

import pytest

from zigzag.in_place import run_in_place


async def double(number: int) -> int:
    return 2 * number


def test_a_coroutine_that_never_waits_runs_to_its_end() -> None:
    async def both() -> int:
        return await double(1) + await double(2)

    assert run_in_place(both()) == 6


def test_what_it_raises_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_in_place(fail())


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
    async def outer() -> int:
        return run_in_place(double(4))

    assert asyncio.run(outer()) == 8
