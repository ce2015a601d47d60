"""Measures how long a backlog takes from a cold process on, and whether memory grows with the backlog."""

from __future__ import annotations

from typing import Any

from benchmarks.alone import run_alone
from benchmarks.bench import Arm, Bench
from benchmarks.dispatch import BOTO_THREADS, LAST_WAIT_SECONDS, ZIGZAG
from benchmarks.figures import Row, check_dispatched_once, medians, number, table

ARMS = (BOTO_THREADS, ZIGZAG)
LATENCY_MS = 20
MEGABYTE = 1_000_000


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> dict[str, list[Row]]:
    """Returns `drain`, a row for each arm, and `memory`, its peaks for a small and a large backlog."""
    backlog = 1_000 if quick else 10_000
    rounds = rounds or (1 if quick else 3)
    small, large = (200, 2_000) if quick else (1_000, 100_000)
    found: dict[Arm, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm in ARMS:
            found[arm].append(_drained(bench, arm, backlog))
    peaks: list[Row] = [
        {
            "arm": arm.name,
            "small": small,
            "large": large,
            "small_peak_bytes": _peak(bench, arm, small),
            "large_peak_bytes": _peak(bench, arm, large),
        }
        for arm in ARMS
    ]
    drained: list[Row] = [
        {"arm": arm.name, "latency_ms": LATENCY_MS, "changed": arm.changed, **medians(figures)}
        for arm, figures in found.items()
    ]
    return {"drain": drained, "memory": peaks}


def _drained(bench: Bench, arm: Arm, backlog: int) -> dict[str, float]:
    outcome = bench.run(arm, backlog, count_bundles=True, latency_ms=LATENCY_MS)
    check_dispatched_once(arm.name, outcome, backlog)
    stats, ran = outcome.stats, outcome.ran
    return {
        "messages": backlog,
        "seconds_to_empty": stats["last_invoke_at"] - ran.started_at,
        "wall_seconds": ran.wall_seconds,
        "process_cpu_seconds": ran.cpu_seconds,
        "connections": stats["connections"],
        "tls_handshakes": stats["tls_handshakes"],
        "bundles_parsed": ran.said["bundles_parsed"],
    }


def _peak(bench: Bench, arm: Arm, backlog: int) -> int:
    outcome = bench.run(arm, backlog, max_wait_seconds=LAST_WAIT_SECONDS)
    check_dispatched_once(arm.name, outcome, backlog)
    return int(outcome.ran.said["peak_bytes"])


def tables(results: dict[str, list[Any]]) -> str:
    head = ("arm", "messages", "s to empty", "s to its end", "CPU s", "connections", "CA bundles parsed")
    lines = [
        (
            row["arm"],
            number(row["messages"]),
            number(row["seconds_to_empty"]),
            number(row["wall_seconds"]),
            number(row["process_cpu_seconds"]),
            number(row["connections"]),
            number(row["bundles_parsed"]),
        )
        for row in results["drain"]
    ]
    first = results["memory"][0]
    backlogs = [f"MB at {number(first[size])} messages" for size in ("small", "large")]
    peaks = [
        (row["arm"], *(number(row[f"{size}_peak_bytes"] / MEGABYTE) for size in ("small", "large")))
        for row in results["memory"]
    ]
    return table(head, lines) + "\n\n" + table(("arm", *backlogs), peaks)


if __name__ == "__main__":
    run_alone(measure, tables)
