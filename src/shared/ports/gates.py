"""The gates: what an operator says of a queue, which the consumer asks before it receives.

A gate is one item a queue, in the table of records: what is to hold from now on. No deploy changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from shared.ports.breaker import (
    FAILING,
    LONGEST,
    MAX_LONGEST_SECONDS,
    MAX_TRIP,
    TIMES,
    TRIP,
    Breaker,
    breaker_of,
)
from shared.ports.workers import Reply

PAUSED = "paused"
"""The attribute of a gate that is paused: since when, in epoch seconds. With any other value it is paused as
well: whoever writes it by hand need not know the form."""

EVERY, BURST = "every", "burst"
"""Of a rate: milliseconds a start, and how many starts at once after a rest."""

REV, NEXT = "rev", "next"
"""How often something was taken or a limit was changed, and when the next slot may be, in epoch seconds."""

AT_ONCE, HELD = "at_once", "held"
"""Of an exact cap: most permits at once, and those that are held, by name: until when, in epoch seconds."""

MAX_AT_ONCE = 30
"""So many permits are a kilobyte, which is one unit of a write."""

_YEAR_5000 = 1e11
"""In epoch seconds: a later time is none, but milliseconds, or a slip."""

_MAY_BE = {
    EVERY: (1.0, inf, False),
    BURST: (1.0, inf, True),
    REV: (0.0, 2.0**53, True),  # above that a float skips numbers
    NEXT: (0.0, inf, False),
    AT_ONCE: (1.0, float(MAX_AT_ONCE), True),
    TRIP: (1.0, float(MAX_TRIP), True),
    LONGEST: (1.0, MAX_LONGEST_SECONDS, False),
    **dict.fromkeys(TIMES, (0.0, inf, False)),
}
"""The least and the most that each may be, and whether it must be whole."""


class GatesError(Exception):
    """The gates can't be reached, or refused a call.

    reason -- in AWS's words.
    reply  -- DEFINITE, TRANSIENT or AMBIGUOUS.
    """

    def __init__(self, reason: str, reply: Reply = Reply.TRANSIENT) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply


class Rate(NamedTuple):
    """How often a task of a queue may start, over all consumers.

    every -- seconds from one start to the next.
    burst -- most starts at once, after a rest.
    """

    every: float
    burst: int = 1


class Gate(NamedTuple):
    """What is said of one queue.

    paused -- whether nothing may be received.
    since  -- since when it is paused, in epoch seconds; None where that is not said.
    odd    -- the attributes that nobody understands: they may be a rule, so the queue is closed.
    rate   -- None where there is none.
    at_once -- most tasks that run at the same time; None where that is not limited here.
    held    -- permits by name, and until when each is held, in epoch seconds.
    breaker -- what its tasks say of what they need.
    rev, next -- as the attributes: for whoever takes slots or permits.
    """

    paused: bool = False
    since: float | None = None
    odd: tuple[str, ...] = ()
    rate: Rate | None = None
    rev: int = 0
    next: float = 0.0
    at_once: int | None = None
    held: Mapping[str, float] = MappingProxyType({})
    breaker: Breaker = Breaker()

    @property
    def limited(self) -> bool:
        """Whether each start needs something of it."""
        return self.rate is not None or self.at_once is not None


class Taking(NamedTuple):
    """What a consumer takes of a gate.

    next  -- when the next slot may be, in epoch seconds; None where the queue has no rate.
    takes -- permits by name, and until when each is held.
    dead  -- permits that have run out, as they were seen: one that was renewed since is none of them.
    shut_until -- where one message is taken to try: when the next may be.
    """

    next: float | None = None
    takes: Mapping[str, float] = MappingProxyType({})
    dead: Mapping[str, float] = MappingProxyType({})
    shut_until: float | None = None


def gate_of(attributes: Mapping[str, Any]) -> Gate:
    """The gate with these attributes. Numbers are floats, what is held is a dictionary of them, and who is
    failing a set of texts; of all else only the name counts."""
    numbers = {name: _number(attributes.get(name), *may_be) for name, may_be in _MAY_BE.items()}
    bad = {name for name, number in numbers.items() if number is None and name in attributes}
    if BURST in attributes and EVERY not in attributes:
        bad.add(BURST)
    every, burst, at_once = numbers[EVERY], numbers[BURST], numbers[AT_ONCE]
    held = _held(attributes.get(HELD, {}))
    if held is None or (at_once is not None and HELD not in attributes):  # nobody could write a permit there
        bad.add(HELD)
    failing = attributes.get(FAILING)
    if not isinstance(failing, frozenset | None):
        bad.add(FAILING)
    since = attributes.get(PAUSED)
    return Gate(
        paused=PAUSED in attributes,
        since=since if isinstance(since, float) and 0 <= since < _YEAR_5000 else None,
        odd=tuple(sorted(bad | (attributes.keys() - {PAUSED, HELD, FAILING, *_MAY_BE}))),
        rate=None if every is None else Rate(every / 1000, int(burst or 1)),
        rev=int(numbers[REV] or 0),
        next=numbers[NEXT] or 0.0,
        at_once=None if at_once is None else int(at_once),
        held=held or {},
        breaker=breaker_of(numbers, failing if isinstance(failing, frozenset) else None),
    )


def _number(value: Any, least: float, most: float, whole: bool) -> float | None:
    """The value if it may be that; else None."""
    fits = isinstance(value, float) and least <= value <= most and (value.is_integer() or not whole)
    return value if fits else None


def _held(value: Any) -> dict[str, float] | None:
    """The value if it may be what is held; else None."""
    fits = isinstance(value, dict) and all(isinstance(until, float) for until in value.values())
    return dict(value) if fits else None


class Gates(Protocol):
    """The gates by the names of their queues, as the consumer asks them. Every method raises GatesError."""

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        """The gate of each queue, as it is now; one of which nothing is said is open."""

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        """Takes that, if `rev` is still the gate's, it is not paused, and what ran out was not renewed.

        Whether that is so, and the gate as it is then.
        """

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        """Gives permits back, by their names: one that is not held is none of them."""


class WorkedGates(Protocol):
    """The gates as a worker has them. Every method raises GatesError.

    A permit is held by its name, and from the claim on by the name `own`, which its worker made: so of two
    workers that Lambda starts with one event, one has it.
    """

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        """Makes it the worker's own; False if it is not held any more, or another worker has it."""

    async def renew(self, queue: str, own: str, until: float) -> bool:
        """Says until when it is held; False if it is not any more."""

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        """As above."""

    async def unavailable(self, queue: str, message: str, now: float, until: float | None) -> Gate:
        """Says that a message's task could not have what all tasks of the queue need. The gate as it is then.

        message -- its name, as `breaker.name_of` makes it.
        until   -- when to try again, where that is known.
        """

    async def succeeded(self, queue: str, now: float, tried: bool) -> None:
        """Says that a task has succeeded after some could not: what was said before counts no more.

        tried -- whether it was the one message that is received while the breaker is shut. Another one opens
                 none that is shut: it may have begun before all failed.
        """


class OperatedGates(Gates, WorkedGates, Protocol):
    """As an operator has them, and with all that a gate can."""

    async def pause(self, queue: str, now: float) -> None:
        """Says that nothing may be received; since now, if it did not hold before."""

    async def resume(self, queue: str) -> None:
        """Says that messages may be received again."""

    async def limit(self, queue: str, rate: Rate | None) -> None:
        """Says how often a task may start, from now on; None is no rate."""

    async def cap(self, queue: str, at_once: int | None) -> None:
        """Says how many tasks may run at once, from now on; None is no cap. What is held stays held."""

    async def break_at(self, queue: str, trip: int | None, longest: float | None) -> None:
        """Says how many different messages shut the breaker, and for how many seconds at most; None leaves
        it as it is by default."""
