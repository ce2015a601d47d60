"""Is docs/scale.md right: its table, its example, and its numbers?"""

from __future__ import annotations

import json
import re

import pytest
from benchmarks.scale import A_CONSUMER, A_CONSUMER_OF_TEN, CAP, HEAD, LOADS, Load, cells_of, first_met
from tests.project.docs.pages import ROOT, blocks, read

from consumer.others import LOOK_SECONDS, WINDOW_SECONDS
from consumer.source import LAST_RECEIVE_SECONDS

PAGE = read("docs/scale.md")
CONSUMER_TIMEOUT_SECONDS = 90


def rows() -> dict[tuple[str, ...], str]:
    """Returns the quota of each row of the table, by the other cells."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines()]
    head = lines.index([*HEAD])
    found = {}
    for line in lines[head + 2 :]:
        if len(line) < len(HEAD):
            break
        found[tuple(line[:-1])] = line[-1]
    return found


def test_the_table_has_each_load_with_its_consumers_and_its_price() -> None:
    assert [*rows()] == [cells_of(load) for load in LOADS]


@pytest.mark.parametrize(
    "load",
    [pytest.param(load, marks=pytest.mark.slow if load.rate > 100 else ()) for load in LOADS],
    ids=lambda load: "-".join(map(str, load)),
)
def test_the_quota_of_a_row_is_the_one_that_is_met_first(load: Load) -> None:
    met = first_met(load)

    assert met.quota == rows()[cells_of(load)]
    assert met.received == pytest.approx(load.rate, rel=0.05), "the load is moved"


def test_what_an_exact_cap_lets_through_is_that_of_the_sandbox() -> None:
    (told,) = re.findall(r"with 30 tasks of 0\.1 s, .*, (\d+) a second were received", PAGE)

    assert first_met(Load(100, 0.1, limit=CAP)).received == pytest.approx(int(told), rel=0.1)


def test_a_consumer_is_as_fast_as_was_measured() -> None:
    measured = json.loads((ROOT / "benchmarks/results.json").read_text(encoding="utf-8"))["dispatch"]
    rates = {row["arm"]: row["messages_per_second"] for row in measured if row["latency_ms"] == 5}

    assert rates["zigzag"] >= A_CONSUMER
    assert rates["zigzag, 10 a dispatch"] >= A_CONSUMER_OF_TEN
    assert f"{A_CONSUMER:,} messages a second, or {A_CONSUMER_OF_TEN:,} with" in PAGE


def test_its_times_are_the_codes() -> None:
    assert f"once, after {LOOK_SECONDS:.0f} s of polling" in PAGE
    assert f"until {WINDOW_SECONDS:.0f} s after the begin of their tick" in PAGE
    assert f"goes on for {CONSUMER_TIMEOUT_SECONDS - LAST_RECEIVE_SECONDS:.0f} s" in PAGE


def test_its_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks(PAGE, "python")

    exec(compile(block.text, "docs/scale.md", "exec"), {"__name__": "page"})  # noqa: S102 -- our own page

    assert len(capsys.readouterr().out.splitlines()) == 200


def test_the_price_of_a_consumer_follows_from_its_factors() -> None:
    (sums,) = (block.text for block in blocks(PAGE, "text"))
    minutes, invoke, write, told = (
        float(number.replace(",", "")) for number in re.findall(r"\d[\d,.]*", sums)
    )

    assert round(minutes * (invoke + write), 2) == told
