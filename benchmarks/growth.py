"""Do several consumers at once dispatch as many times the messages of one?

Their calls take so long that each of them mostly waits for AWS, as consumers with a processor each do. Here
they share one, so the latency is such that all of them leave some of it free: the table says how much they
took.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.alone import run_alone
from benchmarks.bench import Bench, Outcome
from benchmarks.dispatch import LAST_WAIT_SECONDS, ZIGZAG
from benchmarks.figures import Row, check_dispatched_once, medians, number, table

CONSUMERS = (1, 2, 4)
LATENCY_MS = 500
START_SECONDS = 2.0
"""For each process to start and to import what it needs, one after the other, before all of them begin."""


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    """A row for each number of consumers; each of them has its share of the backlog, about."""
    backlog = 1_000 if quick else 4_000
    rounds = rounds or (1 if quick else 3)
    found: dict[int, list[dict[str, float]]] = {consumers: [] for consumers in CONSUMERS}
    for _ in range(rounds):
        for consumers in CONSUMERS:
            found[consumers].append(together(bench, consumers, consumers * backlog, START_SECONDS))
    return compared(found)


def compared(found: dict[int, list[dict[str, float]]]) -> list[Row]:
    """The rows, of the turns of each number of consumers; `ratio` is to as many times one's rate."""
    rows: list[dict[str, Any]] = [
        {"arm": ZIGZAG.name, "consumers": consumers, "latency_ms": LATENCY_MS, "changed": ZIGZAG.changed}
        | medians(turns)
        for consumers, turns in found.items()
    ]
    one = rows[0]["messages_per_second"]
    return [{**row, "ratio": row["messages_per_second"] / (row["consumers"] * one)} for row in rows]


def together(bench: Bench, consumers: int, backlog: int, start_seconds: float) -> dict[str, float]:
    """One turn of so many. Raises ArmFailedError unless they dispatched every message once."""
    bench.stub.reset(backlog, latency_ms=LATENCY_MS, max_wait_seconds=LAST_WAIT_SECONDS)
    begins_at = time.monotonic() + start_seconds * consumers
    more = {"BENCHMARK_BEGINS_AT": str(begins_at)}
    with ThreadPoolExecutor(consumers) as processes:
        ran = list(processes.map(lambda _: bench.start(ZIGZAG, more), range(consumers)))
    stats = bench.stub.stats()
    check_dispatched_once(ZIGZAG.name, Outcome(ran[0], stats), backlog)
    seconds = stats["last_invoke_at"] - stats["first_call_at"]
    return {
        "messages": backlog,
        "messages_per_second": backlog / seconds,
        "connections": stats["connections"],
        "busy": sum(one.said["cpu_seconds"] for one in ran) / seconds,
    }


def tables(rows: list[Any]) -> str:
    """The rows in Markdown."""
    head = (
        "consumers",
        "latency",
        "messages",
        "messages/s",
        "of as many times one",
        "connections",
        "of a processor",
        "not the default",
    )
    lines = [
        (
            number(row["consumers"]),
            f"{row['latency_ms']} ms",
            number(row["messages"]),
            number(row["messages_per_second"]),
            f"{row['ratio']:.2f}",
            number(row["connections"]),
            f"{row['busy']:.0%}",
            row["changed"],
        )
        for row in rows
    ]
    return table(head, lines)


if __name__ == "__main__":
    run_alone(measure, tables)
