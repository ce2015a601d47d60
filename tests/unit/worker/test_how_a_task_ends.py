"""A task has a time of its own, and may leave by `sys.exit`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from tests.support import body_of
from tests.unit.worker.conftest import Bench

from worker.result import Report
from zigzag import Context, task

left: list[float] = []


@task(attempts=2, timeout=30)
async def limited(payload: dict[str, Any], context: Context) -> None:
    left.append(context.seconds_left())
    await asyncio.sleep(payload["seconds"])
    left.append(context.seconds_left())


@task()
def leaves(payload: dict[str, Any]) -> None:
    sys.exit(payload["with"])


@task()
async def leaves_a_loop(payload: dict[str, Any]) -> None:
    sys.exit(payload["with"])


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    left.clear()


def worked(bench: Bench, name: str, payload: dict[str, Any], seconds_left: float = 900) -> Report:
    bench.table |= {one.name: one for one in (limited, leaves, leaves_a_loop)}
    (report,) = bench.work(bench.delivered(body_of(name, payload)), seconds_left=seconds_left)
    return report


class TestTimeout:
    """`@task(timeout=…)`: so long may an attempt take, and no longer."""

    def test_an_attempt_that_takes_longer_failed_and_is_made_again(self, bench: Bench) -> None:
        report = worked(bench, "limited", {"seconds": 31})

        assert (report.outcome, report.reason) == ("retry later", "took longer than its timeout of 30 s")
        assert bench.seconds() == 30

    def test_one_that_takes_less_knows_how_much_of_it_is_left(self, bench: Bench) -> None:
        assert worked(bench, "limited", {"seconds": 29}).outcome == "succeeded"
        assert left == pytest.approx([30, 1])

    def test_the_functions_time_counts_if_it_is_less(self, bench: Bench) -> None:
        report = worked(bench, "limited", {"seconds": 31}, seconds_left=25)

        assert "interrupted shortly before the function's time was over" in str(report.reason)
        assert left == pytest.approx([20])


class TestExit:
    """`sys.exit()` says that all went well, as it does of a program, and `sys.exit(1)` that it did not."""

    @pytest.mark.parametrize("name", ["leaves", "leaves_a_loop"])
    @pytest.mark.parametrize("status", [None, 0])
    def test_with_nothing_or_0_it_succeeded(self, bench: Bench, name: str, status: int | None) -> None:
        assert worked(bench, name, {"with": status}).outcome == "succeeded"

    @pytest.mark.parametrize("status", [2, "no stock"])
    def test_with_anything_else_it_failed(self, bench: Bench, status: Any) -> None:
        report = worked(bench, "leaves", {"with": status})

        assert (report.outcome, report.reason) == ("retry later", f"SystemExit: {status}")
