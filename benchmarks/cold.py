"""Measures cold starts, each with the first calls that a function was started for.

A consumer makes one tick with one message: a count, a receive, an invoke, two empty receives. A worker runs
an empty task and deletes its message. The processes run alternately. The time of a process that does nothing
is subtracted from each.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.alone import run_alone
from benchmarks.bench import Arm, Bench
from benchmarks.dispatch import LAST_WAIT_SECONDS
from benchmarks.figures import Row, medians, number, table

MEGABYTE = 1_000_000
NOTHING = Arm(name="nothing", script=("nothing.py",))
FILES = {"compiled": "of all", "without_pyc": "of none"}

_YARDSTICK = "boto3 + pydantic"
_HAS_PYDANTIC = "WorkerFunction"  # the consumer's package has no pydantic


def _with_and_without(arm: Arm) -> tuple[Arm, ...]:
    return tuple(dataclasses.replace(arm, package=package) for package in FILES)


def _worker(name: str, *script: str) -> Arm:
    return Arm(name=name, script=script, function="WorkerFunction")


CONSUMERS = (
    *_with_and_without(Arm(name="zigzag", script=("zigzag_consumer.py",))),
    *_with_and_without(Arm(name="boto3", script=("boto3_tick.py",))),
    *_with_and_without(Arm(name=_YARDSTICK, script=("boto3_tick.py", "pydantic"), code=_HAS_PYDANTIC)),
)
WORKERS = (
    *_with_and_without(_worker("zigzag, dict", "zigzag_worker.py", "nothing_dict", "1")),
    *_with_and_without(_worker("zigzag, model", "zigzag_worker.py", "nothing_model", "1")),
    *_with_and_without(_worker("boto3", "boto3_delete.py", "1")),
    *_with_and_without(_worker(_YARDSTICK, "boto3_delete.py", "1", "pydantic")),
)


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> dict[str, list[Row]]:
    """Returns `consumer` and `worker`: a row for each arm, from `rounds` processes."""
    rounds = rounds or (2 if quick else 15)
    arms = (NOTHING, *CONSUMERS, *WORKERS)
    found: dict[Arm, list[dict[str, float]]] = {arm: [] for arm in arms}
    for _ in range(rounds):
        for arm in arms:
            found[arm].append(_started(bench, arm))
    figures: dict[Arm, dict[str, Any]] = {arm: medians(rows) for arm, rows in found.items()}
    nothing = figures[NOTHING]["cpu_ms"]
    return {"consumer": _rows(CONSUMERS, figures, nothing), "worker": _rows(WORKERS, figures, nothing)}


def _started(bench: Bench, arm: Arm) -> dict[str, float]:
    ran = bench.run(arm, backlog=1, max_wait_seconds=LAST_WAIT_SECONDS).ran
    return {
        "cpu_ms": ran.cpu_seconds * 1000,
        "wall_ms": ran.wall_seconds * 1000,
        "peak_bytes": ran.said.get("peak_bytes", 0),
    }


def _rows(arms: tuple[Arm, ...], figures: dict[Arm, dict[str, Any]], nothing_ms: float) -> list[Row]:
    yardstick = next(arm for arm in arms if (arm.name, arm.package) == (_YARDSTICK, "compiled"))
    whole = figures[yardstick]["cpu_ms"] - nothing_ms
    return [
        {
            "arm": arm.name,
            "files": arm.package,
            **figures[arm],
            "net_cpu_ms": figures[arm]["cpu_ms"] - nothing_ms,
            "ratio": (figures[arm]["cpu_ms"] - nothing_ms) / whole,
        }
        for arm in arms
    ]


def tables(results: dict[str, list[Any]]) -> str:
    head = ("cold start of", "arm", "`.pyc`", "CPU ms", f"of {_YARDSTICK}", "peak MB")
    lines = [
        (
            function,
            row["arm"],
            FILES[row["files"]],
            number(row["net_cpu_ms"]),
            f"{row['ratio']:.2f}",
            number(row["peak_bytes"] / MEGABYTE),
        )
        for function, rows in results.items()
        for row in rows
    ]
    return table(head, lines)


if __name__ == "__main__":
    run_alone(measure, tables)
