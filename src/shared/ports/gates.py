"""The port of the gates: an operator's settings for a queue, which the consumer reads before it receives.

Each queue's gate is one item in the table of records. A change holds at once, and no deploy changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from shared.ports.auto import CUT, FASTEST, REFUSED, SLOWEST, TOOK, Auto, Cut, auto_of
from shared.ports.breaker import (
    CUTS_SECONDS,
    FAILING,
    LONGEST,
    MAX_LONGEST_SECONDS,
    MAX_TRIP,
    TIMES,
    TRIP,
    Breaker,
    breaker_of,
)
from shared.ports.workers import Meaning

PAUSED = "paused"
"""The attribute of a paused gate: since when, in epoch seconds. Any other value pauses it as well, for a
person who writes it by hand."""

EVERY, BURST = "every", "burst"
"""The attributes of a rate: milliseconds for each start, and most starts at once after a rest."""

REV, NEXT = "rev", "next"
"""The number of changes of slots, permits and limits; and the time of the next slot, in epoch seconds."""

AT_ONCE, HELD = "at_once", "held"
"""The attributes of an exact cap: most permits at once, and held permits by name with their ends."""

MAX_AT_ONCE = 30
"""Most permits: so many are a kilobyte, which is one unit of a write."""

_YEAR_5000 = 1e11
"""In epoch seconds. A later value is milliseconds, or a mistake."""

MAY_BE = {
    EVERY: (1.0, inf, False),
    BURST: (1.0, inf, True),
    REV: (0.0, 2.0**53, True),  # larger floats skip whole numbers
    NEXT: (0.0, inf, False),
    AT_ONCE: (1.0, float(MAX_AT_ONCE), True),
    TRIP: (1.0, float(MAX_TRIP), True),
    LONGEST: (1.0, MAX_LONGEST_SECONDS, False),
    **dict.fromkeys((SLOWEST, FASTEST, REFUSED), (1.0, inf, False)),
    **dict.fromkeys((CUT, TOOK, *TIMES), (0.0, inf, False)),
}
"""The least and the most value of each attribute, and whether it must be whole."""


class GatesError(Exception):
    """The gates can't be reached, or refused a call.

    reason  -- why, in AWS's words.
    meaning -- DEFINITE, TRANSIENT or AMBIGUOUS.
    """

    def __init__(self, reason: str, meaning: Meaning = Meaning.TRANSIENT) -> None:
        super().__init__(reason)
        self.reason = reason
        self.meaning = meaning


class Rate(NamedTuple):
    """The rate at which tasks of a queue may start, over all consumers.

    every -- seconds from one start to the next.
    burst -- most starts at once, after a rest.
    """

    every: float
    burst: int = 1


class Gate(NamedTuple):
    """The gate of one queue.

    paused -- whether nothing may be received.
    since  -- since when it is paused, in epoch seconds, or None if that is not known.
    odd    -- unknown attributes: they may be a rule, so they close the queue.
    rate   -- the rate, as it is now; None without one.
    auto   -- the rule by which the rate changes, or None if it does not.
    at_once -- most tasks that run at the same time; None without an exact cap.
    held    -- held permits by name, each with its end in epoch seconds.
    breaker -- its breaker.
    rev, next -- the values of these attributes, to take slots or permits.
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
    auto: Auto | None = None

    @property
    def limited(self) -> bool:
        """Returns whether each start needs a slot or a permit."""
        return self.rate is not None or self.at_once is not None


class Taking(NamedTuple):
    """A take of slots and permits from a gate.

    next  -- the time of the next slot, in epoch seconds, or None if the queue has no rate.
    takes -- the taken permits by name, each with its end.
    dead  -- expired permits, as they were read. One that was renewed since then refuses the take.
    shut_until -- the time of the next try, if one message is taken to try.
    every -- seconds from start to start from now on, or None if they do not change.
    """

    next: float | None = None
    takes: Mapping[str, float] = MappingProxyType({})
    dead: Mapping[str, float] = MappingProxyType({})
    shut_until: float | None = None
    every: float | None = None


def gate_of(attributes: Mapping[str, Any]) -> Gate:
    """Returns the gate with these attributes. Numbers are floats, `held` is a dictionary of floats, and
    `failing` a set of texts; of other values only the name counts."""
    numbers = {name: _number(attributes.get(name), *may_be) for name, may_be in MAY_BE.items()}
    bad = {name for name, number in numbers.items() if number is None and name in attributes}
    if BURST in attributes and EVERY not in attributes:
        bad.add(BURST)
    every, burst, at_once = numbers[EVERY], numbers[BURST], numbers[AT_ONCE]
    held = _held(attributes.get(HELD, {}))
    if held is None or (at_once is not None and HELD not in attributes):  # no permit could be written
        bad.add(HELD)
    failing = attributes.get(FAILING)
    if not isinstance(failing, frozenset | None):
        bad.add(FAILING)
    auto, senseless = auto_of(numbers, attributes.keys())
    if every is not None and auto is not None:
        every = auto.within(every / 1000) * 1000
    since = attributes.get(PAUSED)
    return Gate(
        paused=PAUSED in attributes,
        since=since if isinstance(since, float) and 0 <= since < _YEAR_5000 else None,
        odd=tuple(sorted(bad | senseless | (attributes.keys() - {PAUSED, HELD, FAILING, *MAY_BE}))),
        rate=None if every is None else Rate(every / 1000, int(burst or 1)),
        rev=int(numbers[REV] or 0),
        next=numbers[NEXT] or 0.0,
        at_once=None if at_once is None else int(at_once),
        held=held or {},
        breaker=breaker_of(
            numbers, failing if isinstance(failing, frozenset) else None, CUTS_SECONDS if auto else 0.0
        ),
        auto=auto,
    )


def _number(value: Any, least: float, most: float, whole: bool) -> float | None:
    """Returns the value if it is allowed; else None."""
    fits = isinstance(value, float) and least <= value <= most and (value.is_integer() or not whole)
    return value if fits else None


def _held(value: Any) -> dict[str, float] | None:
    """Returns the value if it can be the held permits; else None."""
    fits = isinstance(value, dict) and all(isinstance(until, float) for until in value.values())
    return dict(value) if fits else None


class Gates(Protocol):
    """The consumer's access to the gates, by the names of queues. Every method raises GatesError."""

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        """Returns the gate of each queue, as it is now. A queue without an item is open."""

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        """Takes slots and permits if the gate has still `rev`, is not paused, and `dead` were not renewed.

        Returns whether it did, and the gate as it is then.
        """

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        """Gives permits back, by their names. One that is not held is ignored."""


class WorkedGates(Protocol):
    """The worker's access to the gates. Every method raises GatesError.

    A permit is held by its name, and from the claim on by the name `own`, which its worker made. So if Lambda
    starts two workers with one event, only one has the permit.
    """

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        """Makes the permit the worker's own. Returns False if it has ended, or another worker has it."""

    async def renew(self, queue: str, own: str, until: float) -> bool:
        """Moves the permit's end. Returns False if it is no longer held."""

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        """Gives permits back, as in `Gates`."""

    async def unavailable(self, queue: str, message: str, now: float, until: float | None) -> Gate:
        """Notes that a message's task said Unavailable. Returns the gate as it is then.

        message -- the message's name, made by `breaker.name_of`.
        until   -- the time of the next try, if it is known.
        """

    async def cut(self, queue: str, cut: Cut) -> bool:
        """Cuts the rate. Returns False if it was cut by another worker, or set by an operator, meanwhile."""

    async def succeeded(self, queue: str, now: float, received_at: float) -> None:
        """Notes that a task has succeeded after others said Unavailable: these no longer count.

        received_at -- the time at which its message was received, or `now` for the single message that is
                       tried. A shut breaker believes only in those near or after the first Unavailable.
        """


class OperatedGates(Gates, WorkedGates, Protocol):
    """The operator's access to the gates, with all methods."""

    async def pause(self, queue: str, now: float) -> None:
        """Pauses the queue since `now`, unless it is paused already."""

    async def resume(self, queue: str, now: float) -> None:
        """Ends the queue's pause, and opens it if it is shut: all that tasks have said is forgotten."""

    async def limit(self, queue: str, rate: Rate | None, auto: Auto | None = None) -> None:
        """Sets how often a task may start from now on; None is no rate.

        auto -- the rule by which the rate changes; of it only the least and the most rate count.
        """

    async def cap(self, queue: str, at_once: int | None) -> None:
        """Sets how many tasks may run at once from now on; None is no cap. Held permits stay held."""

    async def break_at(self, queue: str, trip: int | None, longest: float | None) -> None:
        """Sets how many different messages shut the breaker, or for how many seconds at most, or both. None
        leaves it; if both are None, they are the defaults again."""
