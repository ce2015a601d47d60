"""Writes the results to results.json, docs/performance.md and its picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import cold, cost_tables, dispatch, plot, transports, worker_overhead
from benchmarks.package import PROJECT
from benchmarks.peers import compared

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
    """Returns the page with the text between its markers. Raises ValueError if they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def in_markdown(results: dict[str, Any]) -> str:
    """Returns all tables with their headings."""
    parts = [
        _when(results) + (_ROUGH if results["quick"] else ""),
        f"Machine: {results['machine']}; load {results['load']:.1f} before the first process.",
        "![The same figures as bars.](performance.svg)",
        "### Dispatch",
        dispatch.tables(results["dispatch"]),
        "### Others on the same stub",
        _PEERS,
        _table(compared.tables, results.get("peers"), "python -m benchmarks.peers"),
        "### Cold start",
        cold.tables(results["cold"]),
        "### An empty task in a warm worker",
        worker_overhead.tables(results["worker_overhead"]),
        "### A call, by library",
        "Deletes over one connection. All but boto3 are signed by the lean transport's signer.",
        _table(transports.tables, results.get("transports"), "python -m benchmarks.transports"),
        "### Cost",
        cost_tables.tables(results["cost"]),
    ]
    return "\n\n".join(parts)


def _table(tables: Callable[[list[Any]], str], rows: list[Any] | None, command: str) -> str:
    return f"Not measured in this run: `{command}` does it." if rows is None else tables(rows)


_PEERS = (
    f"Every call takes {compared.LATENCY_MS} ms. A peer that invokes a worker does our consumer's job; the "
    "others work the messages themselves. pip and npm install what they need, so they have a turn only if "
    "asked for."
)
_ROUGH = (
    "\nIt was a quick run, on a machine with other things to do: one round, small backlogs. "
    "Its ratios are rough, and its absolute figures mean nothing."
)


def _when(results: dict[str, Any]) -> str:
    return f"Measured on {results['date']} ({'quick' if results['quick'] else 'full'} run)."
