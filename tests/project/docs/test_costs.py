"""Are the prices of docs/performance.md right, and do README.md's follow from them?"""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from benchmarks import pickup
from benchmarks.figures import table
from tests.project.docs.pages import ROOT, blocks, read
from tests.project.template.reading import parsed

from consumer.source import LAST_RECEIVE_SECONDS
from consumer.summary import Summary
from zigzag_operate.cost.model import IDLE_TICK_SECONDS, Setup, idle_month
from zigzag_testing import Sandbox

PAGE = read("docs/performance.md")
README = read("README.md")
TICKS_A_MONTH = 30 * 24 * 60
TIMES = "\N{MULTIPLICATION SIGN}"
AGAIN = ("lingering", "watching always")
NUMBER = re.compile(r"\$?(\d[\d,]*(?:\.\d+)?)")


def sums() -> dict[str, tuple[list[float], float]]:
    """Returns factors and result of each line of arithmetic on the page, by its name and its beginning."""
    lines = [line for block in blocks(PAGE, "text") for line in block.text.splitlines() if " = $" in line]
    found = {}
    for line in lines:
        name, _, rest = line.partition("  ")
        left, _, right = rest.partition(" = ")
        factors = [
            float(NUMBER.search(factor)[1].replace(",", ""))  # type: ignore[index]
            for factor in left.split(TIMES)
        ]
        found[next(each for each in (name, *AGAIN) if each not in found)] = (
            factors,
            float(right.strip(" $")),
        )
    return found


SUMS = sums()


def parameter(name: str) -> Any:
    return parsed((ROOT / "template.yaml").read_text(encoding="utf-8"))["Parameters"][name]["Default"]


def idle_tick(*, watch_always: bool = False) -> tuple[float, Summary, int]:
    """Runs a tick that finds nothing. Returns its time, its summary, and how often it asked for the count."""
    linger_seconds, cap = parameter("LingerSeconds"), parameter("InFlightCap")
    with Sandbox(linger_seconds=linger_seconds, watch_always=watch_always, in_flight_cap=cap) as sandbox:
        asked = 0
        count = sandbox.queue.in_flight

        async def counted() -> int:
            nonlocal asked
            asked += 1
            return await count()

        sandbox.queue.in_flight = counted  # type: ignore[method-assign]
        began = sandbox.clock.now()
        summary = sandbox.tick()
        return sandbox.clock.now() - began, summary, asked


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_is_right(name: str) -> None:
    factors, result = SUMS[name]

    assert round(math.prod(factors), 2) == result


def test_the_total_is_that_of_the_lines() -> None:
    (total,) = re.findall(r"about \$([\d.]+) a month", PAGE)
    exact = sum(math.prod(factors) for name, (factors, _) in SUMS.items() if name not in AGAIN)

    assert abs(exact - float(total)) < 0.01


@pytest.mark.parametrize("name", [name for name in SUMS if "alarm" not in name])
def test_there_is_a_tick_every_minute(name: str) -> None:
    assert parameter("Schedule") == "rate(1 minute)"
    assert SUMS[name][0][0] == TICKS_A_MONTH


def test_an_idle_tick_takes_as_long_as_the_page_says() -> None:
    seconds, summary, asked = idle_tick()
    (_, told, gigabytes, _), _ = SUMS["Lambda, time"]

    assert (seconds, told) == (0, IDLE_TICK_SECONDS)  # it waits for nothing but AWS's answers
    assert gigabytes == parameter("ConsumerMemory") / 1024
    assert SUMS["SQS"][0][1] == summary.polls + asked


def test_a_tick_lingers_as_long_as_the_page_says() -> None:
    assert SUMS["lingering"][0][1] == parameter("LingerSeconds")


def test_a_tick_that_watches_always_takes_as_long_as_the_page_says() -> None:
    seconds, _, _ = idle_tick(watch_always=True)

    assert SUMS["watching always"][0][1] == seconds


@pytest.mark.slow
def test_the_delays_and_prices_of_messages_that_come_now_and_then_are_those_of_the_sandbox() -> None:
    assert table(pickup.head(), pickup.rows()) in PAGE


def test_a_queue_that_is_never_empty_costs_what_the_page_says() -> None:
    timeout = parsed((ROOT / "template.yaml").read_text(encoding="utf-8"))["Resources"]["ConsumerFunction"][
        "Properties"
    ]["Timeout"]
    longest = timeout - LAST_RECEIVE_SECONDS
    (_, _, gigabytes, price), _ = SUMS["Lambda, time"]
    (seconds,) = re.findall(r"ends after (\d+) s at the latest", PAGE)
    (told,) = re.findall(r"pays \$([\d.]+)", PAGE)

    assert int(seconds) == longest
    assert f"{TICKS_A_MONTH * longest * gigabytes * price:.2f}" == told


# ---- README.md ----


def test_the_readmes_idle_months_are_those_of_the_cost_model() -> None:
    (idle,) = re.findall(r"An idle month costs \$([\d.]+)\.", README)
    (watching,) = re.findall(r"`WatchAlways=true` .* an idle month costs \$([\d.]+)\.", README)

    assert float(idle) == round(idle_month(Setup()).total, 2)
    assert float(watching) == round(idle_month(Setup(watch_always=True)).total, 2)


def test_the_readmes_million_tasks_are_the_sum_of_the_pages_requests() -> None:
    (sending,) = re.findall(r"\$([\d.]+) for sending", PAGE)
    ((ten, one),) = re.findall(r"\$([\d.]+) to \$([\d.]+) for receiving", PAGE)
    (deleting,) = re.findall(r"\$([\d.]+) for deleting", PAGE)
    (invoking,) = re.findall(r"\$([\d.]+) for the invokes", PAGE)
    rest = float(sending) + float(deleting) + float(invoking)

    assert f"A million tasks add ${rest + float(ten):.2f} to ${rest + float(one):.2f} for" in README


def test_the_readmes_delays_are_those_of_the_page() -> None:
    assert "after 0 to 60 seconds, 30 on average" in PAGE
    assert "starts within 60 s, after 30 s on average" in README
    assert all("starts within about a second" in page for page in (PAGE, README))
