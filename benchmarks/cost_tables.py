"""The compared configurations, and the tables of their costs."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from benchmarks.cost import idle_month_by_naive, million_by_naive
from benchmarks.figures import Row, table
from zigzag_operate.cost.lines import Cost
from zigzag_operate.cost.model import (
    BOTO_DELETE_SECONDS,
    Measured,
    Setup,
    idle_month,
    idle_month_by_mapping,
    million_by_mapping,
    million_tasks,
)

TASK_SECONDS = 0.1
SETUPS = tuple((memory, architecture) for memory in (128, 256) for architecture in ("x86_64", "arm64"))


def measured_by(results: dict[str, Any]) -> Measured:
    """Returns the model's input from the other benchmarks' results, as shares of boto3's bare delete."""
    dispatch = {row["arm"]: row for row in results["dispatch"] if row["latency_ms"] == 5}
    worker = {row["arm"]: row for row in results["worker_overhead"]}

    calls = {row["library"]: row["cpu_us_per_call"] for row in results["transports"]}
    unhurried = BOTO_DELETE_SECONDS / calls["boto3"]

    def cpu(arm: str) -> float:
        return float(dispatch[arm]["cpu_us_per_message"] * unhurried)

    return Measured(
        consumer_cpu=cpu("zigzag"),
        consumer_cpu_of_ten=cpu("zigzag, 10 a dispatch"),
        consumer_cpu_by_boto=cpu("zigzag by boto"),
        naive_cpu=cpu("naive"),
        worker_cpu=worker["zigzag, dict"]["cpu_us_per_task"] * unhurried,
        delete_cpu=calls["lean"] * unhurried,
        task_log_bytes=worker["zigzag, dict"]["log_bytes_per_task"],
    )


def rows(measured: Measured) -> dict[str, list[Row]]:
    """Returns `million`, the costs of tasks of 100 ms, and `idle`, those of a month."""
    million: list[Row] = []
    idle: list[Row] = []
    for memory, architecture in SETUPS:
        setup = Setup(memory_mb=memory, architecture=architecture)
        ten = Setup(memory_mb=memory, architecture=architecture, per_dispatch=10)
        watching = Setup(memory_mb=memory, architecture=architecture, watch_always=True)
        with_metrics = Setup(memory_mb=memory, architecture=architecture, metrics=True)
        by_boto = Setup(memory_mb=memory, architecture=architecture, boto=True)
        where = f"{memory} MB, {architecture}"
        million += [
            _row("zigzag", where, million_tasks(setup, TASK_SECONDS, measured)),
            _row("zigzag, 10 a dispatch", where, million_tasks(ten, TASK_SECONDS, measured)),
            _row("zigzag, Metrics=true", where, million_tasks(with_metrics, TASK_SECONDS, measured)),
            _row("zigzag, Transport=boto", where, million_tasks(by_boto, TASK_SECONDS, measured)),
            _row(
                "event source mapping, batch 1", where, million_by_mapping(setup, 1, TASK_SECONDS, measured)
            ),
            _row(
                "event source mapping, batch 10", where, million_by_mapping(setup, 10, TASK_SECONDS, measured)
            ),
            _row("naive", where, million_by_naive(setup, TASK_SECONDS, measured)),
        ]
        idle += [
            _row("zigzag", where, idle_month(setup)),
            _row("zigzag, WatchAlways=true", where, idle_month(watching)),
            _row("zigzag, Transport=boto", where, idle_month(by_boto)),
            _row("naive", where, idle_month_by_naive(setup)),
        ]
    idle.append(_row("event source mapping", "any", idle_month_by_mapping()))
    return {"million": million, "idle": idle}


def _row(name: str, where: str, cost: Cost) -> Row:
    return {
        "design": name,
        "functions": where,
        **asdict(cost),
        "before_logs": cost.before_logs,
        "total": cost.total,
    }


def tables(results: dict[str, list[Any]]) -> str:
    parts = ("lambda_time", "lambda_requests", "sqs", "before_logs", "logs", "metrics", "alarm", "total")
    said = ("Lambda, time", "requests", "SQS", "before logs", "logs", "metrics", "alarm", "all")
    written = []
    for head, found in (("a million tasks", results["million"]), ("an idle month", results["idle"])):
        # An alarm is not paid by the task. Nor are metrics: they are those of a month with every outcome.
        kept = [number for number, part in enumerate(parts) if part != "alarm" or head == "an idle month"]
        lines = [
            (row["design"], row["functions"], *(f"${row[parts[number]]:.2f}" for number in kept))
            for row in found
        ]
        written.append(table((f"USD for {head}", "functions", *(said[number] for number in kept)), lines))
    return "\n\n".join(written)


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m benchmarks.cost_tables", description=__doc__).parse_args()
    print(tables(rows(Measured())))
