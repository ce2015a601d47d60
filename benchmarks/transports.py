"""Measures a call by each possible library: deletes, one after the other, over one connection.

It also measures the start of the library: a process with a single call, less a process that does nothing.
"""

from __future__ import annotations

from typing import Any

from benchmarks.alone import run_alone
from benchmarks.bench import Arm, Bench
from benchmarks.cold import MEGABYTE, NOTHING
from benchmarks.figures import MILLION, Row, medians, number, table

LIBRARIES = ("boto3", "urllib3", "http.client", "lean")


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    calls = 300 if quick else 3_000
    rounds = rounds or (1 if quick else 5)
    found: dict[str, list[dict[str, float]]] = {library: [] for library in LIBRARIES}
    for _ in range(rounds):
        nothing = bench.run(NOTHING).ran.cpu_seconds
        for library in LIBRARIES:
            many, one = bench.run(_arm(library, calls)).ran, bench.run(_arm(library, 1)).ran
            found[library].append(
                {
                    "cpu_us_per_call": many.said["cpu_seconds"] / (calls - 1) * MILLION,
                    "start_cpu_ms": (one.cpu_seconds - nothing) * 1000,
                    "peak_bytes": one.said["peak_bytes"],
                }
            )
    return [{"library": library, **medians(turns)} for library, turns in found.items()]


def _arm(library: str, calls: int) -> Arm:
    return Arm(name=library, script=("calls.py", library, str(calls)), function="WorkerFunction")


def tables(rows: list[Any]) -> str:
    boto = rows[0]
    head = ("a call by", "CPU µs", "of boto3's", "first call, CPU ms", "of boto3's", "peak MB")
    lines = [
        (
            row["library"],
            number(row["cpu_us_per_call"]),
            f"{row['cpu_us_per_call'] / boto['cpu_us_per_call']:.2f}",
            number(row["start_cpu_ms"]),
            f"{row['start_cpu_ms'] / boto['start_cpu_ms']:.2f}",
            number(row["peak_bytes"] / MEGABYTE),
        )
        for row in rows
    ]
    return table(head, lines)


if __name__ == "__main__":
    run_alone(measure, tables)
