"""Writes the results where readers find them: results.json, docs/performance.md and its picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import cold, cost_tables, dispatch, drain, plot, worker_overhead
from benchmarks.package import PROJECT

RESULTS = Path(__file__).with_name("results.json")
PAGE = PROJECT / "docs" / "performance.md"
PICTURE = PROJECT / "docs" / "performance.svg"

BEGIN = "<!-- results: written by `python -m benchmarks` -->"
END = "<!-- end of the results -->"


def write(results: dict[str, Any]) -> None:
    """Writes all three. Raises ValueError if the page has lost its markers."""
    page = between_markers(PAGE.read_text(encoding="utf-8"), in_markdown(results))
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")
    PICTURE.write_text(plot.throughput(results["dispatch"], _when(results)), encoding="utf-8")


def between_markers(page: str, text: str) -> str:
    """The page with that text between its markers. Raises ValueError if they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def in_markdown(results: dict[str, Any]) -> str:
    """All tables, under their headings."""
    parts = [
        _when(results) + (_ROUGH if results["quick"] else ""),
        f"Machine: {results['machine']}; load {results['load']:.1f} before the first process.",
        "![The same figures as bars.](performance.svg)",
        "### Dispatch",
        dispatch.tables(results["dispatch"]),
        "### A backlog, from a cold process to an empty queue",
        f"Every call takes {drain.LATENCY_MS} ms; for the memory, none. Zigzag with `InFlightCap=0`.",
        drain.tables(results["drain"]),
        "### Cold start",
        cold.tables(results["cold"]),
        "### An empty task in a warm worker",
        worker_overhead.tables(results["worker_overhead"]),
        "### Cost",
        cost_tables.tables(results["cost"]),
    ]
    return "\n\n".join(parts)


_ROUGH = (
    "\nIt was a quick run, on a machine with other things to do: one round, small backlogs. "
    "Take its ratios for rough, and its absolute figures for nothing."
)


def _when(results: dict[str, Any]) -> str:
    return f"Measured on {results['date']} ({'quick' if results['quick'] else 'full'} run)."
