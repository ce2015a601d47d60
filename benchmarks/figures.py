"""How are figures summed up and written down?"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.bench import Outcome
from benchmarks.processes import ArmFailedError

MILLION = 1_000_000

_NUMBER = re.compile(r"\$?[\d.,]+( ms)?")

Row = dict[str, object]
"""One line of a table, as results.json has it."""


def medians(rounds: Sequence[Mapping[str, float]]) -> Row:
    """The median of each figure."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def check_dispatched_once(name: str, outcome: Outcome, backlog: int) -> None:
    """Raises ArmFailedError unless every message of the backlog was in one invoke: else no figure is true."""
    stats = outcome.stats
    if (stats["dispatched"], stats["dispatched_once"]) != (backlog, backlog):
        raise ArmFailedError(
            f"{name} dispatched {stats['dispatched']:,} of {backlog:,} messages, "
            f"{stats['dispatched_once']:,} of them once"
        )


def check_deleted_once(name: str, outcome: Outcome, backlog: int) -> None:
    """The same for those that work the messages themselves: each was deleted in one call."""
    stats = outcome.stats
    if (stats["deleted"], stats["deleted_once"]) != (backlog, backlog):
        raise ArmFailedError(
            f"{name} deleted {stats['deleted']:,} of {backlog:,} messages, "
            f"{stats['deleted_once']:,} of them once"
        )


OF_A_DRAIN = ("messages", "messages/s", "CPU µs/message", "connections", "not the default")
"""The columns of `of_a_drain`."""


def of_a_drain(row: Mapping[str, object]) -> tuple[str, ...]:
    """What an arm did with a backlog, and with which parameters."""
    figures = ("messages", "messages_per_second", "cpu_us_per_message", "connections")
    return (*(number(row[name]) for name in figures), str(row["changed"]))


def table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; what is no text is aligned to the right."""
    right = [not isinstance(cell, str) or _is_number(cell) for cell in lines[0]]
    rule = ["---:" if is_right else "---" for is_right in right]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in (head, rule, *lines))


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def number(value: object) -> str:
    """A figure with three digits that count, or all before the point; a whole one as it is."""
    figure = float(str(value))
    digits = 0 if figure.is_integer() or abs(figure) >= 100 else 1 if abs(figure) >= 10 else 2
    return f"{figure:,.{digits}f}"
