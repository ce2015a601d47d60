"""Measures how fast many messages are sent, and in how much memory: by boto3's own loop of batches, and by
`send_many`. `python -m benchmarks.sending` sends a million by the last."""

from __future__ import annotations

from typing import Any

from benchmarks.alone import run_alone
from benchmarks.bench import Arm, Bench, Outcome
from benchmarks.cold import MEGABYTE
from benchmarks.figures import Row, medians, number, table
from benchmarks.processes import ArmFailedError

LATENCY_MS = 5
FULL, QUICK = 1_000_000, 5_000
_SHORT = 50
"""So many times fewer messages for the arms whose memory and pace are known after a few seconds."""

LOOP = "boto3's loop of batches"
ARMS = {
    LOOP: ("boto3_sends.py",),
    "send_many, by boto3": ("send_many.py", "boto"),
    "send_many": ("send_many.py", "lean"),
}


def arm(name: str, messages: int) -> Arm:
    script, *more = ARMS[name]
    return Arm(name=name, script=(script, str(messages), *more), function="WorkerFunction")


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    """Returns a row for each arm. Raises ArmFailedError if a message is missing."""
    rows = []
    for name in ARMS:
        of_all = QUICK if quick else FULL
        messages = of_all if name == "send_many" else max(QUICK, of_all // _SHORT)
        turns = [
            _figures(bench.run(arm(name, messages), latency_ms=LATENCY_MS), messages)
            for _ in range(rounds or 1)
        ]
        rows.append({"arm": name, "latency_ms": LATENCY_MS, "messages": messages, **medians(turns)})
    return rows


def _figures(outcome: Outcome, messages: int) -> dict[str, float]:
    if outcome.stats["sent"] != messages:
        raise ArmFailedError(f"sent {outcome.stats['sent']} of {messages} messages")
    said = outcome.ran.said
    return {
        "messages_per_second": messages / said["seconds"],
        "more_megabytes": said["more_bytes"] / MEGABYTE,
    }


def tables(rows: list[Any]) -> str:
    loop = rows[0]["messages_per_second"]
    head = ("sent by", "messages", "messages/s", "of boto3's loop", "peak MB above the start")
    lines = [
        (
            row["arm"],
            number(row["messages"]),
            number(row["messages_per_second"]),
            f"{row['messages_per_second'] / loop:.1f}",
            number(row["more_megabytes"]),
        )
        for row in rows
    ]
    return table(head, lines)


if __name__ == "__main__":
    run_alone(measure, tables)
