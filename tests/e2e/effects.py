"""What did the chaos tasks really do? Read from the file that they write, in which Zigzag has no hand.

A run is one call of a task's function. Its process may be killed: then it is known when, by a line of who
did it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

FILE = "effects.jsonl"


@dataclass(slots=True)
class Run:
    """One call of a task's function, with times of the machine's monotonic clock.

    ended  -- when its effect was there.
    failed -- when it raised.
    killed -- when its process was killed, if it began nothing after this run: before or after its end.
    """

    id: str
    process: str
    began: float
    ended: float | None = None
    failed: float | None = None
    killed: float | None = None

    @property
    def over(self) -> float | None:
        """The time when it did no more, or None if nobody knows."""
        return min((at for at in (self.ended, self.failed, self.killed) if at is not None), default=None)


class Effects:
    """All runs so far, in the order in which they began, and the processes that were killed."""

    def __init__(self, folder: Path) -> None:
        self.killed: dict[str, float] = {}
        runs: dict[str, Run] = {}
        last: dict[str, Run] = {}
        for line in _lines(folder / FILE):
            match line["what"]:
                case "began":
                    run = Run(line["id"], line["process"], line["at"])
                    runs[line["run"]] = last[line["process"]] = run
                case "ended":
                    runs[line["run"]].ended = line["at"]
                case "failed":
                    runs[line["run"]].failed = line["at"]
                case "killed":
                    self.killed.setdefault(line["process"], line["at"])
        for process, at in self.killed.items():
            if process in last:
                last[process].killed = at
        self.runs = list(runs.values())
        self.by_id: dict[str, list[Run]] = defaultdict(list)
        for run in self.runs:
            self.by_id[run.id].append(run)

    @property
    def succeeded(self) -> set[str]:
        """The ids of the tasks whose effect is there."""
        return {run.id for run in self.runs if run.ended is not None}

    def under_way(self) -> list[Run]:
        """Returns the runs that are not over, as far as is known."""
        return [run for run in self.runs if run.over is None]

    def overlaps(self) -> list[tuple[Run, Run]]:
        """Runs of one task of which the second began before the first was over, as far as is known."""
        return [
            (before, after)
            for runs in self.by_id.values()
            for before, after in pairwise(runs)
            if before.over is None or after.began < before.over
        ]

    def unexplained_repeats(self) -> list[tuple[Run, Run]]:
        """Runs of one task of which the first had its effect, and its process was not killed after it."""
        return [
            (before, after)
            for runs in self.by_id.values()
            for before, after in pairwise(runs)
            if before.ended is not None and before.killed is None
        ]

    def repeats(self) -> int:
        """Returns how often an effect came once more."""
        ended = [run.id for run in self.runs if run.ended is not None]
        return len(ended) - len(set(ended))


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        return
    with file.open() as opened:
        for line in opened:
            yield json.loads(line)
