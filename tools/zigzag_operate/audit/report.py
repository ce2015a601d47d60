"""The report of an audit: findings, possible duplicates with their causes, and what is not known.

Each is counted; only the first ones of a kind are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_NAMED = 100
"""Findings of a kind, and duplicates of a cause, that a report names. The others are counted."""

LOST = "lost"
OVERLAPPING = "overlapping"
REPEATED = "repeated after completion"
UNTRIED = "given up untried"
OVER_RATE = "over the rate"
OVER_AT_ONCE = "more at once than may"
OVER_CAP = "over the in-flight cap"
KINDS = (LOST, OVERLAPPING, REPEATED, UNTRIED, OVER_RATE, OVER_AT_ONCE, OVER_CAP)

LEASE_LOST = "its lease was lost"
EVENT_DOUBLED = "one delivery came twice, by Lambda or by SQS"
SQS_TWICE = "SQS delivered it again"
NOT_DELETED = "it had succeeded, and could not be deleted"
RECORD_LOST = "its record was lost, or its completion not recorded"
KILLED = "a worker was killed"
NO_LINE = "it was received without a line: a kill, or no start"
REDRIVEN = "it was redriven"
SENT_TWICE = "it was sent again under its id"


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that was broken. `at` is in epoch seconds; task, id and message_id are those of the line."""

    kind: str
    said: str
    at: float
    task: str | None = None
    id: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A task that may have had its effect twice, as it is promised that it may, and why."""

    cause: str
    at: float
    task: str | None = None
    id: str | None = None
    message_id: str | None = None


@dataclass(slots=True)
class Report:
    """The report. `found` and `causes` count what `findings` and `duplicates` name the first ones of.

    since, until -- the window, in epoch seconds.
    waiting      -- messages that have lines, and have not ended.
    unknown      -- a sentence for each thing that the lines can't tell.
    """

    since: float
    until: float
    deliveries: int = 0
    direct_calls: int = 0
    ticks: int = 0
    waiting: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    causes: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def find(self, finding: Finding) -> None:
        self.found[finding.kind] += 1
        if self.found[finding.kind] <= MAX_NAMED:
            self.findings.append(finding)

    def may_repeat(self, duplicate: Duplicate) -> None:
        self.causes[duplicate.cause] = self.causes.get(duplicate.cause, 0) + 1
        if self.causes[duplicate.cause] <= MAX_NAMED:
            self.duplicates.append(duplicate)
