"""A task has a time of its own, and may leave by `sys.exit`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from tests.support import World, body_of

from shared.delivery import Batch
from worker.result import Report
from zigzag import Context, task
from zigzag_testing.virtual_host import VirtualHost

left: list[float] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    left.clear()


@task(attempts=2, timeout=30)
async def limited(payload: dict[str, Any], context: Context) -> None:
    left.append(context.seconds_left())
    await asyncio.sleep(payload["seconds"])
    left.append(context.seconds_left())


@task()
def leaves(payload: dict[str, Any]) -> None:
    sys.exit(payload.get("with"))


@task()
async def leaves_a_loop(payload: dict[str, Any]) -> None:
    sys.exit(payload.get("with"))


TABLE = {one.name: one for one in (limited, leaves, leaves_a_loop)}


def worked(world: World, name: str, payload: dict[str, Any], seconds_left: float = 900) -> Report:
    host = VirtualHost()
    worker = world.worker(TABLE, host=host)
    delivery = world.delivered(body_of(name, payload))
    ends = world.clock.now() + seconds_left
    (report,) = world.run(worker.work(Batch((delivery,)), lambda: ends - world.clock.now()))
    return report


class TestTimeout:
    """`@task(timeout=…)`: so long may an attempt take, and no longer."""

    def test_an_attempt_that_takes_longer_failed_and_is_made_again(self, world: World) -> None:
        report = worked(world, "limited", {"seconds": 31})

        assert (report.outcome, report.reason) == ("retry later", "took longer than its timeout of 30 s")
        assert world.seconds() == 30

    def test_one_that_takes_less_does_not_notice(self, world: World) -> None:
        assert worked(world, "limited", {"seconds": 29}).outcome == "succeeded"

    def test_it_knows_how_much_of_it_is_left(self, world: World) -> None:
        worked(world, "limited", {"seconds": 29})

        assert left == pytest.approx([30, 1])

    def test_where_the_function_has_less_time_that_counts(self, world: World) -> None:
        report = worked(world, "limited", {"seconds": 31}, seconds_left=25)

        assert "interrupted shortly before the function's time was over" in str(report.reason)
        assert left == pytest.approx([20])


class TestExit:
    """`sys.exit()` says that all went well, as it does of a program, and `sys.exit(1)` that it did not."""

    @pytest.mark.parametrize("name", ["leaves", "leaves_a_loop"])
    @pytest.mark.parametrize("status", [None, 0])
    def test_with_nothing_or_0_it_succeeded(self, world: World, name: str, status: int | None) -> None:
        assert worked(world, name, {"with": status}).outcome == "succeeded"

    @pytest.mark.parametrize("status", [2, "no stock"])
    def test_with_anything_else_it_failed(self, world: World, status: Any) -> None:
        report = worked(world, "leaves", {"with": status})

        assert (report.outcome, report.reason) == ("retry later", f"SystemExit: {status}")
