"""Measures whether several consumers together dispatch as many times the messages of one.

Their calls take so long that each consumer mostly waits for AWS, as it does with its own processor. Here they
share one. The latency is high enough that all together don't use all of it; the table says how much they
used.
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
"""Time for each process to start and import, one after the other, before all begin together."""


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    """Returns a row for each number of consumers. Each consumer has about the same share of the backlog."""
    backlog = 1_000 if quick else 4_000
    rounds = rounds or (1 if quick else 3)
    found: dict[int, list[dict[str, float]]] = {consumers: [] for consumers in CONSUMERS}
    for _ in range(rounds):
        for consumers in CONSUMERS:
            found[consumers].append(together(bench, consumers, consumers * backlog, START_SECONDS))
    return compared(found)


def compared(found: dict[int, list[dict[str, float]]]) -> list[Row]:
    """Returns a row for each number of consumers. `ratio` 1 is that many times the rate of one."""
    rows: list[dict[str, Any]] = [
        {"arm": ZIGZAG.name, "consumers": consumers, "latency_ms": LATENCY_MS, "changed": ZIGZAG.changed}
        | medians(turns)
        for consumers, turns in found.items()
    ]
    one = rows[0]["messages_per_second"]
    return [{**row, "ratio": row["messages_per_second"] / (row["consumers"] * one)} for row in rows]


def together(bench: Bench, consumers: int, backlog: int, start_seconds: float) -> dict[str, float]:
    """Runs `consumers` at once. Raises ArmFailedError unless they dispatched every message exactly once."""
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
