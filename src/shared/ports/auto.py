"""A rate that finds itself: it grows while it is used, and a refused start cuts it.

A partner that takes no more calls answers 429, and the task raises Unavailable. The rate is cut then, and
grows again along the curve of CUBIC, by which TCP finds the speed of a line
(https://www.rfc-editor.org/rfc/rfc9438): quickly after the cut, slowly near the rate that was refused last,
and quickly again beyond it, since the limit may be a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import cbrt, exp
from typing import NamedTuple

from shared.ports.breaker import CUTS_SECONDS

SLOWEST, FASTEST = "slowest", "fastest"
"""The rule: milliseconds for each start, at the least rate and at the most."""

REFUSED, CUT, TOOK = "refused", "cut", "took"
"""The rate that was refused last, or the first one, in milliseconds for each start; the time of the last cut,
in epoch seconds; and how many milliseconds before it the refused message was received."""

DEFAULT_SLOWEST_SECONDS, DEFAULT_FASTEST_SECONDS = 1.0, 0.01

FIRST_SECONDS = 1.0
"""Seconds from start to start at the beginning, if the rule allows it."""

CUT_EVERY_SECONDS = 4.0
"""Least time from one cut to the next."""

HALVED_SECONDS = 10.0
"""If a message was received so soon after a cut, its refusal halves the rate: the limit is far below it."""

KEPT, KEPT_AGAIN = 0.85, 0.5
"""The share of the rate that a cut leaves; and after a refusal within HALVED_SECONDS."""

FLAT_SECONDS = 30.0
"""Time in use from a cut until the refused rate is reached, where the curve is flat."""

SLOT_SECONDS = 0.35
"""Most time in use that one start counts for. So at a slow rate many starts come before the next refusal."""

SOON_SECONDS = 3.0
"""A refusal is known so soon after the receive. If it takes longer, the rate grows as much more slowly."""

FORGOTTEN_SECONDS = 600.0
"""A rest of so long leaves a third of what a rate has grown beyond the refused one: the limit may be lower
now."""

_MIN_SPEED = 0.001  # of the refused rate, in a second: the curve itself would stop there


class Cut(NamedTuple):
    """A cut of a rate.

    every          -- seconds from start to start, after the cut.
    refused        -- those of the rate that counts as refused.
    at             -- its time, in epoch seconds.
    seen           -- the time of the cut before it; 0 if there was none.
    took           -- seconds from the receive of the refused message to the cut.
    """

    every: float
    refused: float
    at: float
    seen: float
    took: float = 0.0


class Auto(NamedTuple):
    """The rule and the memory of a rate that finds itself.

    slowest, fastest -- seconds from start to start, at the least rate and at the most.
    refused          -- those of the rate that was refused last, or of the first one.
    cut              -- the time of the last cut, in epoch seconds; 0 if there was none.
    took             -- seconds from the receive of the message that was refused then to the cut.
    """

    slowest: float = DEFAULT_SLOWEST_SECONDS
    fastest: float = DEFAULT_FASTEST_SECONDS
    refused: float = FIRST_SECONDS
    cut: float = 0.0
    took: float = 0.0

    @property
    def first(self) -> float:
        """Returns the seconds from start to start at the beginning."""
        return self.within(FIRST_SECONDS)

    def within(self, every: float) -> float:
        """Returns the nearest seconds from start to start that the rule allows."""
        return min(max(every, self.fastest), self.slowest)

    def grown(self, every: float, starts: int) -> float:
        """Returns the seconds from start to start after so many more starts without a rest."""
        for _ in range(starts):
            seconds = min(every, SLOT_SECONDS) / max(1.0, self.took / SOON_SECONDS)
            share = self.refused / every
            every = self.refused / (share + _speed(share) * seconds)
        return self.within(every)

    def rested(self, every: float, seconds: float) -> float:
        """Returns the seconds from start to start after a rest."""
        share = self.refused / every
        if share > 1:
            share = 1 + (share - 1) * exp(-seconds / FORGOTTEN_SECONDS)
        return self.within(self.refused / share)

    def cut_of(self, every: float, received_at: float, now: float, begun: float) -> Cut | None:
        """Returns the cut after a refused start, or None: its message was received before the last cut, or
        that was a moment ago, or nothing has succeeded for so long that it is no limit.

        begun -- the time of the first refusal since the last success, in epoch seconds.
        """
        if received_at <= self.cut or now < self.cut + CUT_EVERY_SECONDS or now >= begun + CUTS_SECONDS:
            return None
        refused = every if begun > self.cut else self.refused  # without a success it may be an outage
        kept = KEPT_AGAIN if received_at < self.cut + HALVED_SECONDS else KEPT
        return Cut(self.within(every / kept), refused, now, self.cut, max(0.0, now - received_at))


def _speed(share: float) -> float:
    """Returns by how much the rate grows in a second; like `share` in parts of the refused rate."""
    depth = 1 - KEPT
    return max(_MIN_SPEED, 3 * depth / FLAT_SECONDS * cbrt(((share - 1) / depth) ** 2))


def auto_of(numbers: Mapping[str, float | None], names: Collection[str]) -> tuple[Auto | None, set[str]]:
    """Returns the rule of a gate with these numbers, or None; and attributes that make no sense.

    names -- those of all attributes of the gate.
    """
    rule = {SLOWEST, FASTEST}
    if not rule & set(names):
        return None, set()
    slowest, fastest, every = numbers[SLOWEST], numbers[FASTEST], numbers["every"]
    if slowest is None or fastest is None or every is None or fastest > slowest:
        return None, rule & set(names)
    refused, cut, took = numbers[REFUSED] or every, numbers[CUT] or 0.0, numbers[TOOK] or 0.0
    return Auto(slowest / 1000, fastest / 1000, refused / 1000, cut, took / 1000), set()
