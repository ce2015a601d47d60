"""A message as its lines tell it, and what the judge says of it once it is over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.lease import LEASE_SECONDS
from zigzag_operate.audit.report import KILLED, NO_LINE, UNTRIED, Duplicate, Finding, Report
from zigzag_operate.audit.runs import Run, number, whole

_ENDS = ("succeeded", "already done", "dead-letter", "ignored")
OUTCOMES = {*_ENDS, "retry later", "released", "left alone"}
_TRIES = re.compile(r"(?:failed after|started) ([0-9]{1,9}\b|once)")
_NO_TRY = re.compile(r"SQS would drop|received [\d,]+ times|not started in|expired:|too large for an async")
"""Reasons of a letter that asks for no try: none can help, or none was possible."""

_LAST = 8

MESSAGE_BYTES = 700
"""Of memory, besides its texts."""


class Message:
    """One message on a queue.

    receives -- SQS's count, the highest so far.
    lines    -- how many of these receives have a line; `tries`, how many lines an attempt, and `runs` a run.
    starts   -- the highest number of an attempt.
    due      -- when it is to come again, unless it has ended, in epoch seconds.
    """

    __slots__ = (
        *("at", "due", "ended", "id", "lines", "message_id", "outcome", "reason", "receives"),
        *("redriven", "runs", "sent", "starts", "task", "tries", "_last"),
    )

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.task: str | None = None
        self.id: str | None = None
        self.at = self.due = 0.0
        self.sent: float | None = None
        self.receives = self.lines = self.runs = self.tries = self.starts = 0
        self.ended = self.redriven = False
        self.outcome = self.reason = ""
        self._last: tuple[int, ...] = ()

    def line(self, at: float, said: Mapping[str, Any], run: Run | None) -> int:
        """Takes a line. Returns how many receives it tells of that no line has told of."""
        self.at, outcome = max(self.at, at), str(said.get("outcome", "dead-letter"))
        self.task, self.id = said.get("task") or self.task, said.get("id") or self.id
        settled, receives = said.get("settled") is True, whole(said, "receives")
        before = self.receives
        if receives is not None:
            self.receives = max(before, receives)
            if receives not in self._last:
                self.lines += 1
                self._last = (*self._last[1 - _LAST :], receives)
        self.runs += run is not None
        self.tries += bool(said.get("attempt"))
        if run is not None:
            self.sent = run.started - (number(said, "age_seconds") or 0.0)
        self.starts = max(self.starts, whole(said, "attempt") or 0)
        self.redriven |= said.get("redriven") is True
        self.ended |= outcome in _ENDS and (settled or outcome in ("succeeded", "already done"))
        if outcome in ("dead-letter", "ignored"):
            self.outcome, self.reason = outcome, str(said.get("reason", ""))
        hidden = number(said, "retry_seconds") if settled else None
        self.due = max(self.due, at + (LEASE_SECONDS if hidden is None else hidden))
        return self.receives - before

    @property
    def without_a_line(self) -> int:
        """Returns how many of its receives have no line: a kill, a dropped event, or no dispatch."""
        return max(0, self.receives - self.lines)

    def judge(self, report: Report, since: float) -> None:
        """Says what its lines tell once no more are to come.

        since -- the time when the window begins: what was received before has no line.
        """
        named = self.at, self.task, self.id, self.message_id
        tries = self.tries + self.without_a_line
        if self.outcome and not self.redriven and tries < self._needed():
            report.find(Finding(UNTRIED, f"{tries} attempts, and then: {self.reason[:200]}", *named))
        if self.runs and self.sent is not None and self.sent >= since:
            if not self.redriven and self.starts > self.tries:
                report.may_repeat(Duplicate(KILLED, *named))
            elif self.without_a_line:
                report.may_repeat(Duplicate(NO_LINE, *named))

    def _needed(self) -> int:
        """Returns how many starts its letter's reason asks for, at least."""
        if _NO_TRY.match(self.reason):
            return 0
        said = _TRIES.match(self.reason)
        return 1 if said is None or said[1] == "once" else int(said[1])


def texts_of_message(_: str, message: Message) -> Iterator[str]:
    return (one for one in (message.message_id, message.id, message.task, message.reason) if one)
