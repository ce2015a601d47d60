"""Is docs/several-queues.md right: do its examples run, and are its prices those of the code?"""

from __future__ import annotations

import re
from typing import Any

from benchmarks.template import default
from tests.project.docs.pages import blocks, read
from tests.unit.zigzag_testing.test_several_queues import idle_calls

from consumer.tick import EMPTY_AGAIN_SECONDS
from shared.queues import MAX_WEIGHT
from zigzag import Task

PAGE = read("docs/several-queues.md")
CONFIGURED = {"Queue2": "urgent:6", "Queue3": "bulk", "DefaultWeight": "3"}
TICKS_A_MONTH = 30 * 24 * 60
SECONDS_A_MONTH = 30 * 24 * 3600
PRICE = 0.40 / 1_000_000


def test_the_examples_run() -> None:
    found: dict[str, Any] = {}
    for block in blocks(PAGE, "python"):
        exec(compile(block.text, "docs/several-queues.md", "exec"), found)  # noqa: S102 -- our own page

    assert isinstance(found["ring"], Task)
    assert found["ring"].queue == "urgent"


def test_the_parameters_of_the_example_are_those_that_the_text_speaks_of() -> None:
    (block,) = blocks(PAGE, "toml")

    assert dict(re.findall(r'"(\w+)=([\w:]+)"', block.text)) == CONFIGURED
    assert "`urgent` gets six messages of ten, `default` three and `bulk` one" in PAGE
    assert f"its weight, 1 to {MAX_WEIGHT}" in PAGE
    assert default("Queue2") == "none"


def test_an_idle_queue_costs_what_the_page_says() -> None:
    calls = idle_calls(more=1) - idle_calls(more=0)

    assert "takes three receives and one count a tick" in PAGE
    assert f"{TICKS_A_MONTH * calls:,} calls a month" in PAGE
    line = f"a queue  {TICKS_A_MONTH:,} ticks × {calls} calls × $0.40 / 1,000,000 = "  # noqa: RUF001
    assert f"{line}${TICKS_A_MONTH * calls * PRICE:.2f}" in PAGE


def test_a_queue_that_is_empty_while_another_is_busy_costs_what_the_page_says() -> None:
    assert EMPTY_AGAIN_SECONDS == 1
    assert f"${SECONDS_A_MONTH * PRICE:.2f} for a month without a break" in PAGE
