"""Measures how many messages a second a consumer dispatches, and the processor time for each.

Each arm drains a backlog on the stub. The rate covers the time from the first call to the last invoke, by the
stub's clock: without the start, and without the last empty poll.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from benchmarks.alone import run_alone
from benchmarks.bench import Arm, Bench, Outcome
from benchmarks.figures import (
    MILLION,
    OF_A_DRAIN,
    Row,
    check_dispatched_once,
    medians,
    of_a_drain,
    table,
)

NAIVE = Arm(name="naive", script=("naive.py",), share=0.02)
BOTO_THREADS = Arm(name="boto threads", script=("boto_threads.py", "32"), small_bundle=True)
_TEN = {"BatchSize": "10"}


def zigzag(name: str, more: Mapping[str, str] = MappingProxyType({}), *, memory: int | None = 2048) -> Arm:
    """Returns our consumer with additional parameters; `memory` in MB, None for the default."""
    parameters = {"InFlightCap": "0", **({} if memory is None else {"ConsumerMemory": str(memory)}), **more}
    return Arm(name=name, script=("zigzag_consumer.py",), parameters=parameters)


def by_boto(name: str, more: Mapping[str, str] = MappingProxyType({})) -> Arm:
    """Returns our consumer with boto3, which has the same small CA bundle as the boto threads.

    With sixteen pollers and threads it used all of the measured processor.
    """
    return replace(zigzag(name, {"Transport": "boto", **more}, memory=1024), small_bundle=True)


ZIGZAG = zigzag("zigzag")
ZIGZAG_TEN = zigzag("zigzag, 10 a dispatch", _TEN)
ARMS = (
    NAIVE,
    BOTO_THREADS,
    by_boto("zigzag by boto"),
    by_boto("zigzag by boto, 10 a dispatch", _TEN),
    zigzag("zigzag, little memory", memory=None),
    ZIGZAG,
    ZIGZAG_TEN,
)
"""The arms. The cap is off, as no worker deletes messages on the stub: they would stay in flight. The memory
is that of a function with a whole processor, as the arms have one; the number of pollers depends on it."""

LATENCIES_MS = (0, 5, 20)
LAST_WAIT_SECONDS = 0.05
"""Wait of a receive from the empty queue, instead of a second: this wait must not be measured."""


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    """Returns a row for each latency and arm: medians of rounds in which every arm runs once."""
    backlog = 1_000 if quick else 10_000
    rounds = rounds or (1 if quick else 3)
    found: dict[tuple[int, Arm], list[dict[str, float]]] = {}
    turns = [
        (latency, number_of, arm) for latency in LATENCIES_MS for number_of in range(rounds) for arm in ARMS
    ]
    for latency, _, arm in turns:
        found.setdefault((latency, arm), []).append(once(bench, arm, share(arm.share, backlog), latency))
    return [
        {"arm": arm.name, "latency_ms": latency, "changed": arm.changed, **medians(turns)}
        for (latency, arm), turns in found.items()
    ]


def share(part: float, backlog: int) -> int:
    """Returns that part of the backlog, or at least twenty messages."""
    return max(20, int(backlog * part))


def once(bench: Bench, arm: Arm, backlog: int, latency_ms: int) -> dict[str, float]:
    """Runs an arm once. Raises ArmFailedError unless it dispatched every message exactly once."""
    outcome = bench.run(arm, backlog, latency_ms=latency_ms, max_wait_seconds=LAST_WAIT_SECONDS)
    check_dispatched_once(arm.name, outcome, backlog)
    return figures(outcome, backlog)


def figures(outcome: Outcome, backlog: int, until: str = "last_invoke_at") -> dict[str, float]:
    """Returns the figures of a drained backlog. `until` names the stub's time of the last message."""
    stats, ran = outcome.stats, outcome.ran
    seconds = stats[until] - stats["first_call_at"]
    return {
        "messages": backlog,
        "messages_per_second": backlog / seconds,
        "cpu_us_per_message": ran.said["cpu_seconds"] / backlog * MILLION,
        "process_cpu_seconds": ran.cpu_seconds,
        "wall_seconds": ran.wall_seconds,
        "connections": stats["connections"],
    }


def tables(rows: list[Row]) -> str:
    head = ("latency", "arm", *OF_A_DRAIN)
    lines = [
        (
            f"{row['latency_ms']} ms",
            row["arm"],
            *of_a_drain(row),
        )
        for row in rows
    ]
    return table(head, lines)


if __name__ == "__main__":
    run_alone(measure, tables)
