"""Does docs/performance.md show what was measured?"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest
from benchmarks import page, plot

RESULTS = json.loads(page.RESULTS.read_text(encoding="utf-8"))


def test_the_page_has_the_tables_of_the_results() -> None:
    text = page.PAGE.read_text(encoding="utf-8")

    assert text == page.between_markers(text, page.in_markdown(RESULTS))


def test_the_text_around_the_results_stays() -> None:
    before = f"# Title\n{page.BEGIN}\nold\n{page.END}\nMore.\n"

    assert page.between_markers(before, "new") == f"# Title\n{page.BEGIN}\n\nnew\n\n{page.END}\nMore.\n"


def test_a_page_without_its_markers_is_left_alone() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        page.between_markers("# Title\n", "new")


def test_a_quick_run_says_that_it_is_rough() -> None:
    assert "quick run" in page.in_markdown({**RESULTS, "quick": True})
    assert "rough" not in page.in_markdown({**RESULTS, "quick": False})


def test_a_missing_measurement_is_named_with_the_command_that_makes_it() -> None:
    without = {key: value for key, value in RESULTS.items() if key != "peers"}

    assert "Not measured in this run: `python -m benchmarks.peers` does it." in page.in_markdown(without)


def test_peers_that_were_measured_stand_beside_ours() -> None:
    row = {
        "arm": "Node SDK, 8 loops",
        "does": "invokes a worker",
        "latency_ms": 5,
        "changed": "",
        "messages": 10_000,
        "messages_per_second": 4_100.0,
        "cpu_us_per_message": 240.0,
        "connections": 88,
    }

    told = page.in_markdown({**RESULTS, "peers": [row]})

    assert "| Node SDK, 8 loops | invokes a worker | 10,000 | 4,100 | 240 | 88 |  |" in told


def test_the_picture_is_well_formed_and_tells_its_figures_in_words() -> None:
    rows = [
        {"arm": "a & b", "latency_ms": 5, "messages_per_second": 1234.5, "cpu_us_per_message": 650.4},
        {"arm": "zigzag", "latency_ms": 5, "messages_per_second": 9000.0, "cpu_us_per_message": 60.0},
    ]

    picture = ElementTree.fromstring(plot.throughput(rows, "Measured today."))  # noqa: S314 -- our own

    words = " ".join(text for text in picture.itertext())
    assert "a & b at 5 ms: 1,234; zigzag at 5 ms: 9,000" in words
    assert "prefers-color-scheme: dark" in words
