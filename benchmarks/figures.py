"""Summarises figures, and writes them as tables."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.bench import Outcome
from benchmarks.processes import ArmFailedError

MILLION = 1_000_000

_NUMBER = re.compile(r"\$?[\d.,]+( ms)?")

Row = dict[str, object]
"""A row of a table, as in results.json."""


def medians(rounds: Sequence[Mapping[str, float]]) -> Row:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def check_dispatched_once(name: str, outcome: Outcome, backlog: int) -> None:
    """Raises ArmFailedError unless every message of the backlog was in exactly one invoke."""
    stats = outcome.stats
    if (stats["dispatched"], stats["dispatched_once"]) != (backlog, backlog):
        raise ArmFailedError(
            f"{name} dispatched {stats['dispatched']:,} of {backlog:,} messages, "
            f"{stats['dispatched_once']:,} of them once"
        )


def check_deleted_once(name: str, outcome: Outcome, backlog: int) -> None:
    """Raises ArmFailedError unless every message of the backlog was deleted in exactly one call."""
    stats = outcome.stats
    if (stats["deleted"], stats["deleted_once"]) != (backlog, backlog):
        raise ArmFailedError(
            f"{name} deleted {stats['deleted']:,} of {backlog:,} messages, "
            f"{stats['deleted_once']:,} of them once"
        )


OF_A_DRAIN = ("messages", "messages/s", "CPU µs/message", "connections", "not the default")
"""The columns of `of_a_drain`."""


def of_a_drain(row: Mapping[str, object]) -> tuple[str, ...]:
    """Returns the cells for an arm that drained a backlog, with its parameters."""
    figures = ("messages", "messages_per_second", "cpu_us_per_message", "connections")
    return (*(number(row[name]) for name in figures), str(row["changed"]))


def table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Returns a table in Markdown. Numbers are aligned to the right."""
    right = [not isinstance(cell, str) or _is_number(cell) for cell in lines[0]]
    rule = ["---:" if is_right else "---" for is_right in right]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in (head, rule, *lines))


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def number(value: object) -> str:
    """Returns a figure with three significant digits, or all before the point; a whole number unchanged."""
    figure = float(str(value))
    digits = 0 if figure.is_integer() or abs(figure) >= 100 else 1 if abs(figure) >= 10 else 2
    return f"{figure:,.{digits}f}"
