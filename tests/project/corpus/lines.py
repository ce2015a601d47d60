"""Lines of the log: one for each delivery, with each outcome, and one for each tick."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from random import Random
from typing import Any

from tests.project.corpus.letters import CAUSE
from tests.support import NOW, QUEUE_URL, a_delivery

from consumer.summary import OUT_OF_TIME, QUEUE_EMPTY, Summary
from shared import log
from worker.observers.log_line import LogLine
from worker.outcome import (
    AlreadyDone,
    Attempt,
    DeadLetter,
    Ignored,
    LeftAlone,
    Outcome,
    Released,
    RetryLater,
    Succeeded,
)
from worker.result import Result, Start, report_of
from worker.starts import Starts
from zigzag_operate.facts.lines import Line
from zigzag_operate.facts.work import last_tick, work
from zigzag_operate.logs import Which
from zigzag_testing.memory_records import MemoryRecords

OUTCOMES: tuple[Outcome, ...] = (
    Succeeded(),
    AlreadyDone(),
    RetryLater(22, "no soup"),
    DeadLetter(CAUSE),
    Ignored(CAUSE),
    Released(1, "no time left"),
    LeftAlone("another worker has it"),
)


class _At:
    """A clock and a host that stand still."""

    def now(self) -> float:
        return NOW

    def memory_mb(self) -> int:
        return 47


def written() -> Iterator[tuple[str, Any]]:
    for outcome in OUTCOMES:
        report = report_of(outcome, Attempt(1, "cook", "order-1"), settled=True)
        yield f"a delivery: {report.outcome}", _delivery(outcome, None)
    yield "a delivery with metrics", _delivery(RetryLater(22, "no soup"), QUEUE_URL, ValueError("no soup"))
    ticks = {QUEUE_EMPTY: logging.INFO, f"{OUT_OF_TIME}; invokes refused: 403": logging.ERROR}
    for stopped, level in ticks.items():
        yield f"a tick: {stopped}", _line(level, "tick", **asdict(Summary(3, 12, 10, 1, 1, 0, stopped)))


def _delivery(outcome: Outcome, metrics_of: str | None, error: Exception | None = None) -> Any:
    attempt = Attempt(1, "cook", "order-1")
    delivery = a_delivery(system={"SentTimestamp": str(int((NOW - 30) * 1000))})
    at: Any = _At()
    starts = Starts(delivery, MemoryRecords(), at, Random(0))
    result = Result(Start(delivery, attempt, starts, NOW), outcome, error, 0.152)
    with _Kept() as kept:
        LogLine(at, at, metrics_of).settled(delivery, result, report_of(outcome, attempt, settled=True))
    return kept.line


def _line(level: int, message: str, **fields: Any) -> Any:
    with _Kept() as kept:
        log.write(level, message, **fields)
    return kept.line


class _Kept(logging.Handler):
    """Keeps the line that is written within a `with` block."""

    line: Any = None

    def emit(self, record: logging.LogRecord) -> None:
        record.created = NOW
        self.line = json.loads(log.JsonFormatter().format(record))
        if "traceback" in self.line:  # it has this machine's paths
            self.line["traceback"] = "Traceback …"

    def __enter__(self) -> _Kept:
        self._before = log.LOGGER.level, log.LOGGER.propagate
        log.LOGGER.setLevel(logging.INFO)
        log.LOGGER.propagate = False
        log.LOGGER.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        log.LOGGER.removeHandler(self)
        log.LOGGER.level, log.LOGGER.propagate = self._before


def read(line: Mapping[str, Any]) -> Any:
    """Returns what `./zigzag status` reckons from the line, and by what `./zigzag logs` finds it."""
    one, text = Line(NOW, line), json.dumps(line)
    if line["message"] == "tick":
        tick = last_tick([one])
        return {"tick": None if tick is None else asdict(tick)}
    return {
        "of its task": asdict(work([one], all=True)),
        "found by its id": Which(task="cook", id="order-1").matches(text, dict(line)),
        "found as failed": Which(failed=True).matches(text, dict(line)),
    }
