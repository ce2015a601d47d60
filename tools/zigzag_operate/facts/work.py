"""The last tick, and the last 15 minutes by task, from the lines of ticks and deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from zigzag.body import MAX_NAME_CHARACTERS
from zigzag_operate.facts.lines import Line

MAX_TASKS = 50
OTHERS, NOT_READ = "others", "(not read)"
"""Stand for further tasks, as a sender may name any, and for messages whose task was not read: they came too
late for a start, or name none."""

_NOT_THERE = "no task is called"


@dataclass(frozen=True, slots=True)
class LastTick:
    """The tick that ended last, as its log line says. `well` is False if it needs a person."""

    at: float
    received: int
    dispatched: int
    stopped: str
    well: bool


@dataclass(frozen=True, slots=True)
class TaskWork:
    """The deliveries of a task.

    again          -- those that are tried again, and `dead`, those that became dead letters.
    failed         -- those whose attempt has failed: not the ones that the task wanted to be tried again.
    half_seconds   -- half of the attempts took no longer, and `most_seconds`, 95 % of them.
    waited_seconds -- 95 % of the first attempts waited no longer. None, as those, if there was none.
    done_since     -- those that have succeeded since the last failure, which was at `failed_at`.
    failed_since   -- those that have failed since the last success.
    """

    task: str
    deliveries: int
    again: int
    dead: int
    failed: int
    half_seconds: float | None
    most_seconds: float | None
    waited_seconds: float | None
    done_since: int = 0
    failed_at: float | None = None
    failed_since: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """The last 15 minutes by task, the most deliveries first. `all` is False if there were more lines than
    are read."""

    tasks: list[TaskWork]
    all: bool


def last_tick(lines: Iterable[Line]) -> LastTick | None:
    """Returns the last of the ticks, or None."""
    line = max(lines, key=lambda line: line.at, default=None)
    if line is None:
        return None
    said = line.fields
    received, dispatched = _whole(said.get("received")), _whole(said.get("dispatched"))
    return LastTick(line.at, received, dispatched, str(said.get("stopped", "")), said.get("level") != "ERROR")


def work(lines: Iterable[Line], *, all: bool) -> Work:
    """Returns what the lines of deliveries say of each task."""
    counted: dict[str, _Counted] = {}
    for line in sorted(lines, key=lambda line: line.at):
        name = str(line.fields.get("task") or NOT_READ)[:MAX_NAME_CHARACTERS]
        key = name if name in counted or len(counted) < MAX_TASKS - 1 else OTHERS
        counted.setdefault(key, _Counted()).add(line)
    tasks = [one.told(name) for name, one in counted.items()]
    return Work(sorted(tasks, key=lambda one: (-one.deliveries, one.task)), all)


@dataclass(slots=True)
class _Counted:
    deliveries: int = 0
    again: int = 0
    dead: int = 0
    failed: int = 0
    done_since: int = 0
    failed_at: float | None = None
    failed_since: int = 0
    seconds: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def add(self, line: Line) -> None:
        said = line.fields
        outcome, attempt = said.get("outcome"), said.get("attempt")
        self.deliveries += 1
        self.again += outcome == "retry later"
        self.dead += outcome == "dead-letter"
        # Without a traceback, `retry later` is what the task asked for.
        meant = "traceback" not in said and not str(said.get("reason", "")).startswith(_NOT_THERE)
        has_failed = outcome in ("dead-letter", "ignored") or (outcome == "retry later" and not meant)
        self.failed += has_failed
        self.failed_at = line.at if has_failed else self.failed_at
        self.done_since = 0 if has_failed else self.done_since + (outcome == "succeeded")
        self.failed_since = 0 if outcome == "succeeded" else self.failed_since + has_failed
        if attempt and _is_number(said.get("seconds")):
            self.seconds.append(said["seconds"])
        if attempt == 1 and _is_number(said.get("age_seconds")):
            self.waited.append(said["age_seconds"])

    def told(self, task: str) -> TaskWork:
        half, most = _part(self.seconds, 0.5), _part(self.seconds, 0.95)
        waited = _part(self.waited, 0.95)
        counts = self.deliveries, self.again, self.dead, self.failed
        return TaskWork(
            *(task, *counts, half, most, waited), self.done_since, self.failed_at, self.failed_since
        )


def _part(values: list[float], part: float) -> float | None:
    """Returns the value that this part of them does not exceed."""
    return sorted(values)[ceil(part * len(values)) - 1] if values else None


_MANY = 1e9
"""Seconds, which nothing takes. What a task prints may look like our line, and have any number."""


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _MANY


def _whole(value: Any) -> int:
    return value if type(value) is int else 0
