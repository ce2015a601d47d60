"""How long a backlog takes, and what it costs, where some calls fail, or where workers have little time."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import watch

from zigzag import task
from zigzag_testing import Sandbox
from zigzag_testing.outages import Outage

CALL_SECONDS = 0.1

AT_MOST = 1.2
"""Times the ideal."""

RECEIVES_A_TICK = 10
"""Receives that show that nothing is left: two for each poller, and some more."""


class Cost:
    """Counts from now on.

    receives, invocations -- calls of SQS, and of the worker.
    worker_seconds        -- what Lambda bills of the worker, together.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.receives = self.invocations = 0
        self.worker_seconds = 0.0
        self._sandbox = sandbox
        self._began = sandbox.clock.now()
        self._watch()

    def seconds(self) -> float:
        """Returns how long it is since counting began."""
        return self._sandbox.clock.now() - self._began

    def _watch(self) -> None:
        workers, now = self._sandbox.workers, self._sandbox.clock.now
        work = workers._handler

        def received(*_: object) -> None:
            self.receives += 1

        async def watched_work(event: Any, seconds_left: Callable[[], float]) -> None:
            began = now()
            self.invocations += 1
            try:
                await work(event, seconds_left)
            finally:
                self.worker_seconds += now() - began

        watch(self._sandbox.queue, "receive", received)
        workers._handler = watched_work


def check_time(took: Cost, ideal: Cost) -> None:
    """A drain takes little longer than the same one in an ideal world."""
    assert took.seconds() <= AT_MOST * ideal.seconds(), f"{took.seconds():.0f} s, not {ideal.seconds():.0f}"


def check_calls(took: Cost, ideal: Cost) -> None:
    """A drain takes few more calls, and little more of the workers' time, than in an ideal world."""
    ticks = len(took._sandbox.fired)
    for what, number, least in (
        ("receives", took.receives - RECEIVES_A_TICK * ticks, ideal.receives),
        ("invocations", took.invocations, ideal.invocations),
        ("worker seconds", took.worker_seconds, ideal.worker_seconds),
    ):
        assert number <= AT_MOST * least, f"{number:,.0f} {what}, of {least:,.0f}"


@task()
async def quick(payload: dict[str, Any]) -> None:
    await asyncio.sleep(0.05)


@functools.cache
def drained(messages: int, *, failing: float = 0.0, **options: Any) -> Cost:
    """Returns the cost until the queue was empty. Every call of the consumer takes its time.

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


@pytest.mark.slow
def test_a_receive_in_a_hundred_that_fails_costs_little_time() -> None:
    check_time(drained(4000, failing=0.01), drained(4000))


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("check", [check_time, check_calls])
def test_a_late_count_of_what_is_in_flight_costs_nothing(check: Callable[[Cost, Cost], None]) -> None:
    check(
        drained(1000, in_flight_cap=200, count_late_seconds=30),
        drained(1000, in_flight_cap=200),
    )
