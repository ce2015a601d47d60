"""Measures a warm worker with a task that does nothing, next to a bare delete."""

from __future__ import annotations

from typing import Any

from benchmarks.alone import run_alone
from benchmarks.bench import Arm, Bench
from benchmarks.figures import MILLION, Row, medians, number, table


def arms(events: int) -> tuple[Arm, ...]:
    """Returns the arms, which each work so many events. The first is the yardstick."""
    many = str(events)
    return (
        Arm(name="boto3, bare delete", script=("boto3_delete.py", many), function="WorkerFunction"),
        Arm(
            name="zigzag, dict",
            script=("zigzag_worker.py", "nothing_dict", many),
            function="WorkerFunction",
        ),
        Arm(
            name="zigzag, model",
            script=("zigzag_worker.py", "nothing_model", many),
            function="WorkerFunction",
        ),
    )


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    """Returns a row for each arm. The first event, which is cold, does not count."""
    events = 200 if quick else 1_000
    rounds = rounds or (1 if quick else 5)
    every = arms(events)
    found: dict[Arm, list[dict[str, float]]] = {arm: [] for arm in every}
    for _ in range(rounds):
        for arm in every:
            ran = bench.run(arm).ran
            cpu_us = ran.said["cpu_seconds"] / (events - 1) * MILLION
            found[arm].append({"cpu_us_per_task": cpu_us, "log_bytes_per_task": ran.log_bytes / events})
    return [{"arm": arm.name, "events": events, **medians(figures)} for arm, figures in found.items()]


def tables(rows: list[Any]) -> str:
    bare = rows[0]["cpu_us_per_task"]
    lines = [
        (row["arm"], number(row["cpu_us_per_task"]), f"{row['cpu_us_per_task'] / bare:.2f}") for row in rows
    ]
    return table(("warm worker", "CPU µs/task", "of a bare delete"), lines)


if __name__ == "__main__":
    run_alone(measure, tables)
