"""How long a backlog takes, and what it costs, where some calls fail, or where workers have little time."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
from tests.hostile.cost import Cost, check_calls, check_time

from zigzag import task
from zigzag_testing import Sandbox
from zigzag_testing.outages import Outage

CALL_SECONDS = 0.1


@task()
async def quick(payload: dict[str, Any]) -> None:
    await asyncio.sleep(0.05)


@functools.cache
def drained(messages: int, *, failing: float = 0.0, **options: Any) -> Cost:
    """What it took until the queue was empty; every call of the consumer takes its time.

    failing -- the share of receives that fail.
    """
    with Sandbox({"quick": quick}, faults={"receive failed": failing}, **options) as sandbox:
        for number in range(messages):
            quick.send({"number": number}, group="the-one" if options.get("fifo") else None)
        sandbox.faults.outages.plan(
            [
                Outage(service, "slow", 0, math.inf, slow_seconds=CALL_SECONDS)
                for service in ("queue", "invoke")
            ]
        )
        cost = Cost(sandbox)
        while len(sandbox.queue):
            sandbox.run_for(1)
        return cost


def test_a_receive_in_a_hundred_that_fails_costs_little_time() -> None:
    check_time(drained(4000, failing=0.01), drained(4000))


def test_a_receive_in_a_hundred_that_fails_costs_few_calls() -> None:
    check_calls(drained(4000, failing=0.01), drained(4000))


@pytest.mark.parametrize("options", [{"fifo": True}, {"batch_size": 10}], ids=["a FIFO group", "batches"])
@pytest.mark.parametrize("check", [check_time, check_calls])
def test_short_workers_are_as_quick_and_as_cheap_as_long_ones(
    check: Callable[[Cost, Cost], None], options: dict[str, Any]
) -> None:
    check(
        drained(300, worker_timeout_seconds=10, **options), drained(300, worker_timeout_seconds=60, **options)
    )


@pytest.mark.parametrize("check", [check_time, check_calls])
def test_a_late_count_of_what_is_in_flight_costs_nothing(check: Callable[[Cost, Cost], None]) -> None:
    check(
        drained(1000, in_flight_cap=200, count_late_seconds=30),
        drained(1000, in_flight_cap=200),
    )
