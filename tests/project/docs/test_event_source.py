"""Is docs/event-source.md right: does its example run, are its prices, delays and calls those of the code?"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import pytest
from tests.project.docs.pages import blocks, read
from tests.project.docs.test_several_queues import PRICE, TICKS_A_MONTH
from tests.support import watch
from tests.unit.zigzag_testing.test_several_queues import idle_calls

from zigzag import Context, task
from zigzag_operate.cost.model import (
    Measured,
    Setup,
    idle_month,
    idle_month_by_mapping,
    million_by_events,
    million_tasks,
)
from zigzag_testing import Sandbox
from zigzag_testing.event_sources import VISIBILITY_SECONDS

PAGE = read("docs/event-source.md")
EVENTS, WATCHES = "`events`", "`schedule`, `WatchAlways=true`"
WAYS: dict[str, dict[str, Any]] = {
    "`schedule`": {},
    WATCHES: {"watch_always": True},
    EVENTS: {"trigger": "events"},
}
TASK_SECONDS = 0.1
APART_SECONDS = 17.3
TASKS = 400


def row(way: str) -> list[str]:
    (found,) = re.findall(rf"^\| {re.escape(way)} \| (.+) \|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in found.split("|")]


def idle(way: str) -> float:
    if way == EVENTS:
        return idle_month_by_mapping().total
    return idle_month(Setup(**WAYS[way])).total


def million(way: str, per_dispatch: int) -> float:
    count = million_by_events if way == EVENTS else million_tasks
    return count(Setup(per_dispatch=per_dispatch), TASK_SECONDS, Measured()).before_logs


@pytest.mark.parametrize("way", WAYS)
def test_a_ways_prices_are_the_models(way: str) -> None:
    assert row(way)[:3] == [f"${cost:.2f}" for cost in (idle(way), million(way, 1), million(way, 10))]


@pytest.mark.parametrize("way", WAYS)
def test_a_ways_delays_are_the_sandboxes(way: str) -> None:
    found = sorted(delays(**WAYS[way]))
    told = [found[len(found) // 2], found[int(len(found) * 0.99)]]

    digits = 0 if way == "`schedule`" else 1
    assert row(way)[3:] == [f"{seconds:.{digits}f} s" for seconds in told]


def delays(**options: Any) -> list[float]:
    """Returns how long each task waited for its start."""
    found: list[float] = []

    @task
    async def short(payload: dict[str, Any], context: Context) -> None:
        assert context.sent_at is not None
        found.append(sandbox.clock.now() - context.sent_at.timestamp())
        await asyncio.sleep(TASK_SECONDS)

    with Sandbox({"short": short}, **options) as sandbox:
        for _ in range(TASKS):
            sandbox.run_for(APART_SECONDS)
            short.send({})
        sandbox.run()
    return found


def test_events_are_the_cheaper_way_to_start_at_once_up_to_as_many_tasks_as_the_page_says() -> None:
    more_idle = idle(WATCHES) - idle(EVENTS)
    more_a_million = million(EVENTS, 1) - million(WATCHES, 1)

    assert "up to five million tasks a month one by one" in PAGE
    assert 5 <= more_idle / more_a_million < 6


def test_a_task_makes_as_many_calls_as_the_page_says() -> None:
    calls: Counter[str] = Counter()

    @task
    def short(payload: dict[str, Any]) -> None: ...

    with Sandbox({"short": short}, trigger="events") as sandbox:
        for method in ("receive", "change_visibility", "delete"):
            watch(sandbox.queue, method, lambda answer, *asked, method=method: calls.update([method]))
        short.send({})
        sandbox.run_for(10)

    assert "four calls to SQS" in PAGE
    assert calls == {"receive": 1, "change_visibility": 1, "delete": 2}


def test_a_further_queue_costs_what_the_page_says() -> None:
    calls = idle_calls(more=1) - idle_calls(more=0)

    by_events = idle_month_by_mapping().sqs
    assert f"adds ${by_events:.2f} by events, and ${TICKS_A_MONTH * calls * PRICE:.2f} by schedule" in PAGE


def test_the_visibility_is_the_sandboxes() -> None:
    assert f"| 120 s | {VISIBILITY_SECONDS} s, because" in PAGE
    assert f"within {VISIBILITY_SECONDS // 60} minutes" in PAGE


def test_the_example_runs() -> None:
    (block,) = blocks(PAGE, "python")
    exec(compile(block.text, "docs/event-source.md", "exec"), {})  # noqa: S102 -- our own page


def test_the_parameter_of_the_example_is_the_one_that_the_text_speaks_of() -> None:
    (block,) = blocks(PAGE, "toml")

    assert re.findall(r'"(\w+)=([\w:]+)"', block.text) == [("Trigger", "events")]
