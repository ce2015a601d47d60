"""The figures of a stack, in three rounds of calls: the stack, then all figures, then what these ask for."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

from zigzag_operate.facts import lines
from zigzag_operate.facts.figures import Figure, Unknown, largest, summed, together
from zigzag_operate.facts.reading import GATES, METRICS, NOTES, TICK, Reading
from zigzag_operate.facts.why import Why
from zigzag_operate.facts.work import LastTick, Work, last_tick, work
from zigzag_operate.gates import why_shut
from zigzag_operate.metrics import Happened, Metrics
from zigzag_operate.target import Target
from zigzag_operate.trigger import why_nothing_starts
from zigzag_operate.who import PAUSED, by_of

SECONDS = 24.0
"""Ends before the command's 30 s, with what has come until then."""

RECENT_SECONDS = 300
"""What has not happened for so long is over. CloudWatch may have a minute's figures some minutes later."""

_MAKE_SECONDS = 240
"""CloudFormation takes three minutes to make a stack, and its rule starts a minute later."""

_BY_THEN = 2 / 3
"""Of the time, when the second round ends."""


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """The figures of one queue.

    oldest_seconds -- None if nothing waits, or CloudWatch has no age yet.
    closed         -- why nothing is received, or None if it is open.
    closed_since   -- in epoch seconds, or None if it is open, or nobody knows. `closed_by` is who paused it.
    every_seconds  -- from one start to the next, by its rate; None without.
    at_once        -- most tasks at the same time, by its gate; None without.
    """

    waiting: Figure[int]
    in_flight: Figure[int]
    delayed: Figure[int]
    oldest_seconds: Figure[int | None]
    closed: Figure[str | None]
    closed_since: Figure[float | None]
    every_seconds: Figure[float | None]
    at_once: Figure[int | None]
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The figures of a stack. Times are epoch seconds by AWS's clock.

    created               -- when the stack was made, and `deployed`, when its last deployment began.
    state                 -- CloudFormation's word for the stack.
    parameters            -- the stack's, and its `outputs`.
    queues                -- by name; only the one that was asked for.
    dead_letters          -- in the dead-letter queues of these queues.
    oldest_letter_seconds -- None if there is none, or CloudWatch has no age.
    last_tick             -- None if none has ended in 15 minutes, or Lambda itself polls the queues.
    tick_within           -- a tick ends each so many seconds at least, or None if nobody knows.
    work                  -- the last 15 minutes by task.
    dropped               -- starts of the worker in 15 minutes, and `died`, those that an error ended.
    why                   -- what was asked as no tick has ended, or starts were dropped.
    within                -- what has not happened for so many seconds is over.
    """

    stack: str
    region: str
    account: str
    at: float
    created: float
    deployed: float
    state: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    queues: dict[str, QueueFacts]
    dead_letters: Figure[int]
    oldest_letter_seconds: Figure[int | None]
    last_tick: Figure[LastTick | None]
    tick_within: float | None
    work: Figure[Work]
    dropped: Figure[Happened]
    died: Figure[Happened]
    why: Why
    within: float = RECENT_SECONDS

    def total(self, name: str) -> Figure[int]:
        """Returns the sum of a count over the queues: waiting, in_flight or delayed."""
        return summed(getattr(queue, name) for queue in self.queues.values())

    @property
    def oldest_seconds(self) -> Figure[int | None]:
        """Returns the age of the oldest message of all queues."""
        return largest(queue.oldest_seconds for queue in self.queues.values())

    @property
    def drops(self) -> bool:
        """Returns whether Lambda is known to drop starts, and has not ceased."""
        return not isinstance(self.dropped, Unknown) and self.is_recent(self.dropped.until)

    @property
    def dies(self) -> bool:
        """Returns whether invocations are known to end with errors. Lambda counts an error in the minute in
        which the invocation began."""
        longest = int(self.parameters.get("WorkerTimeout", "900"))
        return not isinstance(self.died, Unknown) and self.is_recent(self.died.until, longest)

    def is_recent(self, until: float | None, later: float = 0) -> bool:
        """Returns whether what happened until then may go on.

        later -- seconds after which it may become known.
        """
        return until is not None and self.at - until < self.within + later

    @property
    def is_silent(self) -> bool:
        """Returns whether a tick should have ended, and has not."""
        if self.tick_within is None or isinstance(self.last_tick, Unknown):
            return False
        if self.last_tick is None:
            return self.age > self.first_within
        return self.at - self.last_tick.at > self.tick_within

    @property
    def age(self) -> float:
        """Returns the seconds since the stack was begun."""
        return self.at - self.created

    @property
    def is_new(self) -> bool:
        """Returns whether the lines that are read go back to before the stack was begun."""
        return self.age < lines.SECONDS

    @property
    def first_within(self) -> float:
        """Returns the age at which a new stack's first tick has ended."""
        return _MAKE_SECONDS + (self.tick_within or 0.0)

    @property
    def unknown(self) -> list[str]:
        """Returns why figures are unknown on which the verdict depends, each reason once."""
        figures: list[Any] = [self.dead_letters, self.oldest_letter_seconds, self.dropped, self.work]
        figures += [] if self.tick_within is None else [self.last_tick]
        for queue in self.queues.values():
            figures += [queue.waiting, queue.oldest_seconds, queue.closed]
        return list(dict.fromkeys(one.unknown for one in figures if isinstance(one, Unknown)))


def facts(target: Target, queue: str | None = None, *, seconds: float = SECONDS) -> Facts:
    """Returns the figures of a stack. Raises OperateError if the stack itself can't be read.

    queue   -- the name of the only queue that is meant.
    seconds -- a figure that has not come after them is unknown.
    """
    begun = monotonic()
    stack = target.stack_as_it_is()
    reading = Reading(target, stack, queue)
    found = together(reading.calls(), begun + seconds * _BY_THEN - monotonic())
    seen = _facts(reading, found)
    more = reading.further_calls(found, is_silent=seen.is_silent, drops=seen.drops)
    if not more:
        return seen
    return _facts(reading, found | together(more, begun + seconds - monotonic()))


def _facts(reading: Reading, found: dict[Any, Any]) -> Facts:
    stack, metrics = reading.stack, found[METRICS]
    ticks = ([], True) if reading.tick_within is None else reading.lines(found, TICK)
    done = reading.deliveries(found)
    dropped, died = (metrics, metrics) if isinstance(metrics, Unknown) else (metrics.dropped, metrics.died)
    letters = {url: _sum_of(found[url]) for url in reading.letters}
    _, _, _, region, account, *_ = [*stack.id.split(":"), *[""] * 5]
    return Facts(
        stack=reading.target.stack,
        region=region,
        account=account,
        at=stack.at,
        created=stack.created,
        deployed=stack.deployed,
        state=stack.state,
        parameters=stack.parameters,
        outputs=stack.outputs,
        queues={name: _queue(reading, found, name) for name in reading.queues},
        dead_letters=summed(letters.values()),
        oldest_letter_seconds=largest(_age(metrics, url, many) for url, many in letters.items()),
        last_tick=ticks if isinstance(ticks, Unknown) else last_tick(ticks[0]),
        tick_within=reading.tick_within,
        work=done if isinstance(done, Unknown) else work(done[0], all=done[1]),
        dropped=dropped,
        died=died,
        why=Why(**{name: found.get(name) for name in ("rules", "consumer", "worker")}),
    )


def _queue(reading: Reading, found: dict[Any, Any], name: str) -> QueueFacts:
    queue = reading.queues[name]
    counts = found[queue.url]
    waiting, in_flight, delayed = (
        counts if isinstance(counts, Unknown) else counts[key] for key in ("waiting", "in_flight", "delayed")
    )
    there = waiting if isinstance(waiting, Unknown) else waiting + in_flight
    gates = found.get(GATES)
    closed: Any = why_nothing_starts(reading.stack)
    since = every = at_once = by = None
    if isinstance(gates, Unknown):
        closed = since = every = at_once = gates
    elif gates is not None:
        gate = gates[name]
        closed = why_shut(queue, gate, reading.stack.at)
        since = gate.since if gate.paused else gate.breaker.unavailable_since if closed else None
        notes = found[NOTES]
        said = by_of({} if isinstance(notes, Unknown) else notes.get(name, {}), gate).get(PAUSED)
        by = None if said is None else said.who
        every, at_once = None if gate.rate is None else gate.rate.every, gate.at_once
    oldest = _age(found[METRICS], queue.url, there)
    return QueueFacts(waiting, in_flight, delayed, oldest, closed, since, every, at_once, by)


def _age(metrics: Figure[Metrics], url: str, many: Figure[int]) -> Figure[int | None]:
    """Returns the age of the oldest of so many messages. A queue that has none has no age, whatever a
    figure of some minutes ago says."""
    if many == 0:
        return None
    return metrics if isinstance(metrics, Unknown) else metrics.ages[url.rpartition("/")[2]]


def _sum_of(counts: Figure[dict[str, int]]) -> Figure[int]:
    return counts if isinstance(counts, Unknown) else sum(counts.values())
