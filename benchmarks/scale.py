"""Which quota of an account is met first at some rates of tasks, in the sandbox, and the price of a month.

    PYTHONPATH=src:tools:. .venv/bin/python -m benchmarks.scale

prints the table of docs/scale.md. Time is virtual. The dispatches go out evenly, at the rate of the tasks,
as by so many consumers as it needs. A worker takes a task's time and deletes its messages, except for a
queue with a limit, where it is Zigzag's own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

from benchmarks.figures import MILLION, table
from shared.delivery import from_event
from zigzag import task
from zigzag_operate.cost.model import Measured, Setup, million_tasks
from zigzag_testing import Sandbox
from zigzag_testing.quotas import Quotas

A_CONSUMER, A_CONSUMER_OF_TEN = 3_000, 8_000
"""Messages a second of a consumer with a whole processor, at least, one and ten a dispatch: the measurements
of docs/performance.md, rounded down."""

SENDS = 0.40
"""USD for a million sends."""

MONTH_SECONDS = 30 * 24 * 3600
RATE, CAP = "a rate", "an exact cap"


class Load(NamedTuple):
    """Tasks that come at a rate.

    rate        -- tasks a second.
    seconds     -- time that a task takes.
    batch       -- as the parameter BatchSize.
    limit       -- RATE: the queue has a rate, which is the load's; CAP: an exact cap of 30, the most; "":
                   neither.
    concurrency -- the account's concurrent executions.
    """

    rate: int
    seconds: float
    batch: int = 1
    limit: str = ""
    concurrency: int = 1_000


LOADS = (
    Load(100, 0.1),
    Load(100, 2),
    Load(100, 0.1, limit=RATE),
    Load(1_000, 0.1),
    Load(1_000, 2),
    Load(1_000, 2, concurrency=10_000),
    Load(10_000, 0.1),
    Load(10_000, 0.1, concurrency=10_000),
    Load(10_000, 0.1, batch=10, concurrency=10_000),
    Load(10_000, 2, concurrency=10_000),
)
"""The loads of the page."""


HEAD = (
    "tasks/s",
    "a task takes",
    "`BatchSize`",
    "the queue has",
    "executions",
    "consumers",
    "a month",
    "met first",
)


def cells_of(load: Load) -> tuple[str, ...]:
    """Returns the load's row on the page, without the quota."""
    return (
        f"{load.rate:,}",
        f"{load.seconds:g} s",
        f"{load.batch}",
        load.limit or "no limit",
        f"{load.concurrency:,}",
        f"{consumers_for(load)}",
        f"${month_of(load):,.0f}",
    )


def consumers_for(load: Load) -> int:
    """Returns how many consumers with a whole processor the load needs."""
    return ceil(load.rate / (A_CONSUMER if load.batch == 1 else A_CONSUMER_OF_TEN))


def month_of(load: Load) -> float:
    """Returns the price of a month of it in USD, with 128 MB of memory and without a limit's writes."""
    millions = load.rate * MONTH_SECONDS / MILLION
    million = million_tasks(Setup(per_dispatch=load.batch), load.seconds, Measured())
    return millions * (million.total + SENDS)


class Met(NamedTuple):
    """The quota that a load met first, and how many tasks a second were received until then."""

    quota: str
    received: float


def first_met(load: Load) -> Met:
    """Returns what the load met, within two seconds after its first task has ended."""
    most = ceil(load.seconds) + 2
    quotas = Quotas(concurrency=load.concurrency)
    with _sandbox_of(load, quotas) as sandbox:
        _limit(sandbox, load)
        sent = load.rate * most
        for _ in range(sent):
            sandbox.send_message('{"task": "work", "payload": {}}')
        seconds = 0
        while seconds < most and not quotas.met:
            sandbox.run_for(1)
            seconds += 1
        received = (sent - waiting_in(sandbox)) / seconds
        sandbox.queue.purge()
        sandbox.run()
    return Met(quotas.first_met, received)


def waiting_in(sandbox: Sandbox) -> int:
    """Returns how many messages of the first queue can be received."""
    return asyncio.run(sandbox.queue.waiting())


def _sandbox_of(load: Load, quotas: Quotas) -> Sandbox:
    @task
    async def work(payload: dict[str, Any]) -> None:
        await asyncio.sleep(load.seconds)

    kind = Sandbox if load.limit else QuickSandbox
    return kind(
        {"work": work},
        batch_size=load.batch,
        flow_control=bool(load.limit),
        quotas=quotas,
        consumer_speed=load.rate / load.batch,
    )


def _limit(sandbox: Sandbox, load: Load) -> None:
    if load.limit == RATE:
        sandbox.limit(1 / load.rate, 10)
    if load.limit == CAP:
        sandbox.limit_at_once(30)
    if isinstance(sandbox, QuickSandbox):
        sandbox.seconds = load.seconds


class QuickSandbox(Sandbox):
    """A sandbox whose worker does nothing but take its time and delete the messages."""

    seconds = 0.0

    async def _work(self, event: Any, seconds_left: Callable[[], float]) -> None:
        deliveries = from_event(event).deliveries
        await asyncio.sleep(self.seconds * len(deliveries))
        await self.queue.delete(deliveries)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(table(HEAD, [(*cells_of(load), first_met(load).quota) for load in LOADS]))
