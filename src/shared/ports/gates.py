"""The gates: what an operator says of a queue, which the consumer asks before it receives.

A gate is one item a queue, in the table of records: what is to hold from now on. No deploy changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from shared.ports.workers import Reply

PAUSED = "paused"
"""The attribute of a gate that is paused: since when, in epoch seconds. With any other value it is paused as
well: whoever writes it by hand need not know the form."""

EVERY, BURST = "every", "burst"
"""Of a rate: milliseconds a start, and how many starts at once after a rest."""

REV, NEXT = "rev", "next"
"""How often slots were taken or the rate was changed, and when the next slot may be, in epoch seconds."""

_MAY_BE = {EVERY: (1.0, False), BURST: (1.0, True), REV: (0.0, True), NEXT: (0.0, False)}
"""The least that each may be, and whether it must be whole."""


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
    rate   -- None where there is no limit.
    rev, next -- as the attributes: for whoever takes slots.
    """

    paused: bool = False
    since: float | None = None
    odd: tuple[str, ...] = ()
    rate: Rate | None = None
    rev: int = 0
    next: float = 0.0


def gate_of(attributes: Mapping[str, Any]) -> Gate:
    """The gate with these attributes. Numbers are floats; of all else only the name counts."""
    numbers = {name: _number(attributes.get(name), *may_be) for name, may_be in _MAY_BE.items()}
    bad = {name for name, number in numbers.items() if number is None and name in attributes}
    if BURST in attributes and EVERY not in attributes:
        bad.add(BURST)
    every, burst = numbers[EVERY], numbers[BURST]
    since = attributes.get(PAUSED)
    return Gate(
        paused=PAUSED in attributes,
        since=since if isinstance(since, float) else None,
        odd=tuple(sorted(bad | (attributes.keys() - {PAUSED, *_MAY_BE}))),
        rate=None if every is None else Rate(every / 1000, int(burst or 1)),
        rev=int(numbers[REV] or 0),
        next=numbers[NEXT] or 0.0,
    )


def _number(value: Any, least: float, whole: bool) -> float | None:
    """The value if it may be that; else None."""
    fits = isinstance(value, float) and value >= least and (value.is_integer() or not whole)
    return value if fits else None


class Gates(Protocol):
    """The gates by the names of their queues, as the consumer asks them. Every method raises GatesError."""

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        """The gate of each queue, as it is now; one of which nothing is said is open."""

    async def swap(self, queue: str, rev: int, next: float) -> tuple[bool, Gate]:
        """Says when the next slot may be, if `rev` is still the gate's and it is not paused.

        Whether that is so, and the gate as it is then.
        """


class OperatedGates(Gates, Protocol):
    """As an operator has them."""

    async def pause(self, queue: str, now: float) -> None:
        """Says that nothing may be received; since now, if it did not hold before."""

    async def resume(self, queue: str) -> None:
        """Says that messages may be received again."""

    async def limit(self, queue: str, rate: Rate | None) -> None:
        """Says how often a task may start, from now on; None is no limit."""
