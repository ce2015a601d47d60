"""Judges two runs of one message, or of one idempotent task: may both be, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shared.lease import LEASE_SECONDS
from zigzag_operate.audit.report import (
    EVENT_DOUBLED,
    LEASE_LOST,
    NOT_DELETED,
    OVERLAPPING,
    RECORD_LOST,
    REDRIVEN,
    REPEATED,
    SENT_TWICE,
    SQS_TWICE,
)

CLOCKS_SECONDS = 10.0
"""Most by which the times of two processes differ: an overlap that is no longer is none for sure."""

_MAX_NUMBER = 1e11
_TEXTS = ("message", "outcome", "message_id", "task", "id", "reason", "queue", "idempotent", "lost", "type")
_MAX_CHARACTERS = 1_000
RUNS_BYTES = 500
"""Of memory, of the runs of one message, besides their texts."""

MAX_RUN_SECONDS = 1_000.0
"""Lambda runs nothing for longer than 900 s. A line that says so is of a task's own, which may print any."""


class Run(NamedTuple):
    """One attempt in which code of the user's ran, as its line tells. Times are epoch seconds.

    idempotent -- "id" or "key", by what its task is so; empty if it is not.
    lost       -- what it had lost by its end: lease, record, completion.
    """

    message_id: str
    started: float
    ended: float
    receives: int
    succeeded: bool
    settled: bool
    idempotent: str
    lost: str
    redriven: bool

    @property
    def is_done(self) -> bool:
        """Returns whether it has succeeded, and nothing kept that from being recorded."""
        return self.succeeded and self.lost in ("", "lease")

    @classmethod
    def of(cls, at: float, said: Mapping[str, Any]) -> Run | None:
        """Returns the run that a delivery's line of that time tells of, or None if none is told."""
        receives, ran = whole(said, "receives"), number(said, "ran_seconds")
        ran = number(said, "seconds") if ran is None else ran
        no_run = not said.get("attempt") or said.get("called") is False or said["outcome"] == "already done"
        if no_run or receives is None or ran is None or not 0 <= ran <= MAX_RUN_SECONDS:
            return None
        started = number(said, "started")
        if started is None or abs(at - started) > 2 * MAX_RUN_SECONDS:
            started = at - ran
        return cls(
            str(said["message_id"]),
            started,
            started + ran,
            receives,
            said["outcome"] == "succeeded",
            said.get("settled") is True,
            str(said.get("idempotent") or ""),
            str(said.get("lost") or ""),
            said.get("redriven") is True,
        )


def texts(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a line without what should be a text and is none, and with a long text cut, and still another
    than any other: a task may print any line."""
    wrong = [name for name in _TEXTS if name in said and not isinstance(said[name], str)]
    said = {name: value for name, value in said.items() if name not in wrong} if wrong else said
    long = {name: said[name] for name in _TEXTS if len(said.get(name, "")) > _MAX_CHARACTERS}
    cut = {name: f"{text[: _MAX_CHARACTERS // 2]}…{hash(text):x}" for name, text in long.items()}
    return {**said, **cut} if cut else said


def texts_of_runs(key: str | tuple[str, str], runs: list[Run]) -> Iterator[str]:
    yield from (key,) if isinstance(key, str) else key
    for run in runs:
        yield from (run.message_id, run.idempotent, run.lost)


def number(said: Mapping[str, Any], name: str) -> float | None:
    """Returns the value if it is a number that a time may have, or None."""
    value = said.get(name)
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER
    return float(value) if is_one else None  # type: ignore[arg-type]


def whole(said: Mapping[str, Any], name: str) -> int | None:
    value = number(said, name)
    return None if value is None else int(value)


def overlap_seconds(one: Run, other: Run) -> float:
    """Returns for how many seconds both ran, as their clocks say."""
    return min(one.ended, other.ended) - max(one.started, other.started)


def judged(one: Run, other: Run, runs: Sequence[Run]) -> tuple[str | None, str | None]:
    """Returns the kind of the finding that the two are, and the cause of the possible duplicate; both None
    if the later one is a usual retry.

    runs -- all runs before, of the same.
    """
    first, second = sorted((one, other), key=lambda run: run.started)
    overlaps = overlap_seconds(first, second) > CLOCKS_SECONDS
    if first.idempotent and second.idempotent:
        if not overlaps and not (first.succeeded and second.started > first.ended + CLOCKS_SECONDS):
            return None, None
        if "record" in first.lost + second.lost or "completion" in first.lost:
            return None, RECORD_LOST
        return OVERLAPPING if overlaps else REPEATED, None
    cause = _cause(first, second, runs)
    if overlaps:
        return (None, cause) if cause else (OVERLAPPING, None)
    if first.succeeded:
        return None, cause or (SQS_TWICE if first.settled else NOT_DELETED)
    return None, LEASE_LOST if cause == LEASE_LOST else None


def _cause(first: Run, second: Run, runs: Sequence[Run]) -> str | None:
    """Returns why the second one may start before the first one is over, or None."""
    if first.message_id != second.message_id:
        return REDRIVEN if second.redriven else SENT_TWICE
    if first.receives == second.receives:
        return EVENT_DOUBLED
    if "lease" in first.lost + second.lost:
        return LEASE_LOST
    # Behind others of its batch, an earlier delivery may start later.
    came_first = second.receives < first.receives
    if came_first or second.started - first.started < LEASE_SECONDS:
        return SQS_TWICE
    # A third run, which ran beside the first one as well, has postponed the message, and so given it back.
    others = [run for run in runs if run is not first and run.ended <= second.started + CLOCKS_SECONDS]
    given_back = any(overlap_seconds(run, first) > CLOCKS_SECONDS for run in others)
    return SQS_TWICE if given_back else None


def said_of_two(kind: str, other: Run, run: Run) -> str:
    """Returns what a finding of that kind says of the two."""
    if kind == OVERLAPPING:
        return f"two attempts ran at the same time for {overlap_seconds(other, run):,.0f} s"
    return "it had succeeded, and ran again"
