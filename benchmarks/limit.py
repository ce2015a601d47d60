"""Compares a consumer with wrk on as many connections, as wrk's rate is the most that the wire allows.

The stub is one process of Python. If it has no time left, wrk shows the stub's limit; the table says so.
"""

from __future__ import annotations

from typing import Any

from benchmarks import wrk
from benchmarks.alone import run_alone
from benchmarks.bench import Arm, Bench
from benchmarks.dispatch import ZIGZAG, once, zigzag
from benchmarks.figures import Row, medians, number, table

HALF, QUARTER = zigzag("zigzag", memory=1024), zigzag("zigzag", memory=512)
"""Arms with fewer pollers, and so fewer connections, on a whole processor all the same."""

TURNS: tuple[tuple[int, Arm], ...] = ((5, ZIGZAG), (20, ZIGZAG), (20, HALF), (20, QUARTER))
"""Latency in milliseconds, and the arm."""

BUSY = 0.9
"""The stub counts as the limit from this share of its time."""


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    """Returns a row for each of TURNS, or none without wrk. A consumer and wrk run alternately."""
    if not wrk.is_there():
        return []
    backlog, seconds = (1_000, 1) if quick else (10_000, 5)
    rounds = rounds or (1 if quick else 3)
    rows: list[Row] = []
    for latency, arm in TURNS:
        found = [_compared(bench, arm, backlog, seconds, latency) for _ in range(rounds)]
        rows.append({"arm": arm.name, "latency_ms": latency, "changed": arm.changed, **medians(found)})
    return rows


def _compared(bench: Bench, arm: Arm, backlog: int, seconds: int, latency_ms: int) -> dict[str, float]:
    ours = once(bench, arm, backlog, latency_ms)
    limit = wrk.load(bench.stub, int(ours["connections"]), seconds, latency_ms)
    return {
        "messages": backlog,
        "connections": ours["connections"],
        "messages_per_second": ours["messages_per_second"],
        "wrk_messages_per_second": limit.messages_per_second,
        "wrk_requests_per_second": limit.requests_per_second,
        "stub_busy": limit.stub_busy,
        "ratio": ours["messages_per_second"] / limit.messages_per_second,
    }


def tables(rows: list[Any]) -> str:
    """Returns the rows in Markdown. Without rows, it returns that wrk is missing."""
    if not rows:
        return wrk.MISSING
    head = (
        "latency",
        "arm",
        "connections",
        "messages/s",
        "wrk's",
        "of wrk's",
        "wrk's limit",
        "not the default",
    )
    lines = [
        (
            f"{row['latency_ms']} ms",
            row["arm"],
            number(row["connections"]),
            number(row["messages_per_second"]),
            number(row["wrk_messages_per_second"]),
            f"{row['ratio']:.2f}",
            _limit(row),
            row["changed"],
        )
        for row in rows
    ]
    return table(head, lines)


def _limit(row: dict[str, Any]) -> str:
    if row["stub_busy"] < BUSY:
        return f"the connections; the stub was busy for {row['stub_busy']:.0%} of wrk's time"
    return f"the stub, at {number(row['wrk_requests_per_second'])} requests/s of wrk's"


if __name__ == "__main__":
    run_alone(measure, tables)
