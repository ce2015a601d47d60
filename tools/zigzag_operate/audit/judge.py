"""The judge: takes the lines in the order of their times, and says which promises they show as broken.

Its memory is bounded: a message that has ended is kept for HELD_SECONDS, and then as a number of 64 bits.
These messages, those that have not ended, and their runs take MAX_BYTES each. The report says what it had to
forget.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.queues import DEFAULT
from zigzag_operate.audit.kept import Kept
from zigzag_operate.audit.limits import LATEST_SECONDS, QueueLimits
from zigzag_operate.audit.messages import MESSAGE_BYTES, OUTCOMES, Message, texts_of_message
from zigzag_operate.audit.report import (
    KILLED,
    LOST,
    NO_LINE,
    OVER_CAP,
    REDRIVEN,
    REPEATED,
    SENT_TWICE,
    SQS_TWICE,
    Duplicate,
    Finding,
    Report,
)
from zigzag_operate.audit.runs import RUNS_BYTES, Run, judged, said_of_two, texts, texts_of_runs, whole
from zigzag_operate.audit.seen import Seen
from zigzag_operate.audit.ticks import Receives, limits_in, most_received
from zigzag_operate.audit.unknown import of_some, of_the_window

HELD_SECONDS = 1_200
"""Another run of a message that has ended begins within a lease, and takes 900 s at most."""

MAX_BYTES = 2**27
"""Of some 150,000 messages with ids of UUIDs."""

MAX_QUEUES = 10
"""A stack has five; a line of a task's own may name any."""

_MAX_RUNS = 8
_MAX_UNTOLD = 200_000

GRACE_SECONDS = 300
"""Time that a line may take to the log, and a message to be received once it is due."""

OVERDUE_SECONDS = 3_600

PLATFORM = "platform."
"""So begins the type of a line of Lambda's own. It is a warning, or would not be logged: an invocation has
failed, or its process was ended."""


class Known(NamedTuple):
    """Facts that are known besides the lines.

    queues    -- the names of the queues in the stack, by what the metrics call them.
    on_queues -- how many messages are on the queues at the end, by SQS's count; None if that is not known.
    by_events -- whether Lambda itself polls the queues: then there are no ticks.
    """

    queues: Mapping[str, str] = {}
    on_queues: int | None = None
    by_events: bool = False


class Judge:
    """Judges the lines of a window.

    since -- when it begins, in epoch seconds.
    known -- what is known besides the lines.
    """

    def __init__(self, since: float, known: Known | None = None) -> None:
        self.report = Report(since, since)
        self._known = known or Known()
        self._now = since
        self._waiting = Kept[str, Message](texts_of_message, MESSAGE_BYTES, MAX_BYTES)
        self._ended = Kept[str, Message](texts_of_message, MESSAGE_BYTES, MAX_BYTES)
        self._runs = Kept[str | tuple[str, str], list[Run]](texts_of_runs, RUNS_BYTES, MAX_BYTES)
        self._seen = Seen()
        self._limits: dict[str, QueueLimits] = {}
        self._receives = Receives(since, GRACE_SECONDS)
        self._old = self._forgotten = 0
        self._killed_at = float("-inf")
        self._maybe_lost: list[str] = []  # their ids

    def line(self, at: float, said: Mapping[str, Any]) -> None:
        """Takes the fields of a line that was written at this time, in epoch seconds."""
        said = texts(said)
        self._now = max(self._now, at)
        self._let_go(self._now - HELD_SECONDS)
        match said.get("message"):
            case "tick":
                self._tick(at, said)
            case "delivery":
                self._delivery(at, said)
            case "dead-letter" if said.get("message_id"):
                self._message(at, said)
            case _:
                if str(said.get("type", "")).startswith(PLATFORM):
                    self._killed_at = at

    # ---- One line ----

    def _tick(self, at: float, said: Mapping[str, Any]) -> None:
        self.report.ticks += 1
        received, cap, limits = whole(said, "received") or 0, whole(said, "cap"), limits_in(said)
        self._receives.tick(at, received)
        if limits is not None:
            for queue in {*limits, *self._limits}:
                self._limits_of(queue).tick(at, limits.get(queue, {}))
        most = most_received(cap, limits, len(self._known.queues))
        if most is not None and received > most:
            self.report.find(Finding(OVER_CAP, f"a tick received {received:,}, of {most:,} at most", at))

    def _delivery(self, at: float, said: Mapping[str, Any]) -> None:
        if said.get("outcome") not in OUTCOMES or "message_id" not in said:
            return  # a task's own line, which may say anything
        if said.get("attempt") and "age_seconds" not in said:
            self.report.direct_calls += 1
            return
        self.report.deliveries += 1
        outcome = str(said["outcome"])
        self.report.outcomes[outcome] = self.report.outcomes.get(outcome, 0) + 1
        self._old += whole(said, "receives") is None
        run = Run.of(at, said)
        self._message(at, said, run)
        if run is not None:
            self._limits_of(self._queue_of(said)).run(run)
            self._run(at, said, run)

    def _message(self, at: float, said: Mapping[str, Any], run: Run | None = None) -> None:
        message_id = str(said.get("message_id"))
        message = self._waiting.take(message_id) or self._ended.take(message_id) or Message(message_id)
        self._receives.told += message.line(at, said, run)
        if message.ended:
            self._ended.put(message_id, message)
        else:
            self._waiting.put(message_id, message)
        for kept in (self._waiting, self._ended):
            while kept.is_over:
                self._forgotten += 1
                kept.take(kept.oldest()[0])

    def _run(self, at: float, said: Mapping[str, Any], run: Run) -> None:
        key: str | tuple[str, str] = run.message_id
        if run.idempotent != "key" and said.get("id"):
            key = (str(said.get("task")), str(said.get("id")))
        named = at, said.get("task"), said.get("id"), run.message_id
        before = self._runs.take(key)
        if before is None and key in self._seen:
            self._again_much_later(run, named)
        both = [(*judged(other, run, before or ()), other) for other in reversed(before or ())]
        for kind, other in [(kind, other) for kind, _, other in both if kind is not None][:1]:
            self.report.find(Finding(kind, said_of_two(kind, other, run), *named))
        for cause in [cause for _, cause, _ in both if cause is not None][:1]:
            self.report.may_repeat(Duplicate(cause, *named))
        self._runs.put(key, [*(before or ())[1 - _MAX_RUNS :], run])

    def _again_much_later(self, run: Run, named: tuple[float, Any, Any, str]) -> None:
        """Judges a run of what had succeeded so long ago that only this is known of it."""
        if run.idempotent:
            self.report.find(Finding(REPEATED, "it had succeeded before", *named))
        else:
            _, _, id, message_id = named  # without an id of its own, the message's is the task's
            cause = SQS_TWICE if message_id == id else REDRIVEN if run.redriven else SENT_TWICE
            self.report.may_repeat(Duplicate(cause, *named))

    # ---- What is over ----

    def _let_go(self, before: float) -> None:
        """Judges and forgets what has ended before that time."""
        while self._ended and (oldest := self._ended.oldest())[1].at < before:
            self._ended.take(oldest[0])
            oldest[1].judge(self.report, self.report.since)
        while self._runs:
            key, runs = self._runs.oldest()
            if max(run.ended for run in runs) >= before and not self._runs.is_over:
                break
            self._runs.take(key)
            if any(run.is_done for run in runs):
                self._seen.add(key)
        for limits in self._limits.values():
            limits.judge(before - (LATEST_SECONDS - HELD_SECONDS))

    def end(self, until: float) -> Report:
        """Returns the report of what was said until that time."""
        report = self.report
        report.until, report.waiting = until, len(self._waiting)
        self._let_go(until + 2 * HELD_SECONDS)
        for message in self._waiting.values():
            message.judge(report, report.since)
        self._judge_what_waits(until - GRACE_SECONDS)
        report.unknown += self._unknown()
        return report

    def _judge_what_waits(self, before: float) -> None:
        """Judges whether a message is lost: it has not ended, and is not on the queues.

        A worker that was killed may have settled it, and have written no line.
        """
        on_queues, silent = self._known.on_queues, {KILLED, NO_LINE} & self.report.causes.keys()
        overdue = [message for message in self._waiting.values() if message.due < before]
        for message in [] if on_queues is None else overdue[on_queues:]:
            if silent or message.at <= self._killed_at:
                self._maybe_lost.append(message.id or message.message_id)
                continue
            said = "it has not ended, and is on no queue"
            self.report.find(Finding(LOST, said, message.at, message.task, message.id, message.message_id))
        if on_queues == 0 and not (self._old or self._forgotten or self._maybe_lost):
            untold = self._receives.untold(before)
            if untold and not silent and self._killed_at < self.report.since:
                said = f"of {untold:,} receives no line tells, and nothing is on a queue"
                self.report.find(Finding(LOST, said, before))
            else:
                self._maybe_lost += ["of whose receives no line tells"] * min(untold, _MAX_UNTOLD)

    def _unknown(self) -> list[str]:
        """Returns a sentence for each thing that the lines can't tell."""
        on_queues, until = self._known.on_queues, self.report.until
        overdue = [message for message in self._waiting.values() if message.due < until - OVERDUE_SECONDS]
        return [
            *of_the_window(self.report, on_queues, self._known.by_events),
            *of_some(
                overdue=len(overdue) if on_queues != 0 else 0,
                old=self._old,
                short=sum(limits.short for limits in self._limits.values()),
                maybe_lost=self._maybe_lost,
                forgotten=self._forgotten,
                is_full=self._seen.is_full,
            ),
        ]

    def _limits_of(self, queue: str) -> QueueLimits:
        if queue not in self._limits and len(self._limits) < MAX_QUEUES:
            self._limits[queue] = QueueLimits(queue, self.report)
        return self._limits.get(queue) or next(iter(self._limits.values()))

    def _queue_of(self, said: Mapping[str, Any]) -> str:
        """Returns the queue's name in the stack. A line with metrics has SQS's."""
        queue = str(said.get("queue") or DEFAULT)
        return self._known.queues.get(queue, queue)
