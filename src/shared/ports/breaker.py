"""The breaker of a queue: is it shut, since what all its tasks need is unavailable?

A task says so by Unavailable. Once `trip` different messages have, without one success between, the breaker
shuts: nothing is received but one message a minute, to try. A success opens it. After `longest` it stays open
whatever is said, until an hour passes in which nothing is: no message is kept from its attempts for ever.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

TRIP, LONGEST = "trip", "longest"
"""The rule: how many different messages shut it, and for how many seconds it shuts at most."""

FAILING, SHUT_UNTIL = "failing", "shut_until"
"""Which messages have said so since the last success, and until when not even one is tried."""

SINCE, LAST, OPENED = "since", "last", "opened"
"""When it was said first and last, and when a success opened it; in epoch seconds."""

DEFAULT_TRIP, MAX_TRIP = 10, 30
DEFAULT_LONGEST_SECONDS, MAX_LONGEST_SECONDS = 6 * 3600.0, 24 * 3600.0

QUIET_SECONDS = 3600.0
"""What is said so long after it was said last begins anew: a task's longest backoff by default."""

PROBE_SECONDS = 60.0
"""From one message that is tried to the next."""

TIMES = (SHUT_UNTIL, SINCE, LAST, OPENED)


class Breaker(NamedTuple):
    """As a gate has it. Times are 0 where there was none.

    failing -- names of messages, as `name_of` makes them.
    """

    trip: int = DEFAULT_TRIP
    longest: float = DEFAULT_LONGEST_SECONDS
    failing: frozenset[str] = frozenset()
    shut_until: float = 0.0
    since: float = 0.0
    last: float = 0.0
    opened: float = 0.0

    def is_shut(self, now: float) -> bool:
        """Whether messages must not be received but to try."""
        quiet = now - self.last > QUIET_SECONDS
        return len(self.failing) >= self.trip and not quiet and now - self.since < self.longest


def name_of(message_id: str) -> str:
    """One of 256: so what a gate keeps stays small, however many messages say it."""
    return f"{binascii.crc32(message_id.encode(errors='replace')) & 0xFF:02x}"


def breaker_of(numbers: Mapping[str, float | None], failing: Any) -> Breaker:
    """The breaker of a gate with these numbers.

    failing -- a collection of names, or None.
    """
    trip, longest = numbers[TRIP], numbers[LONGEST]
    return Breaker(
        DEFAULT_TRIP if trip is None else int(trip),
        DEFAULT_LONGEST_SECONDS if longest is None else longest,
        frozenset(failing or ()),
        **{name: numbers[name] or 0.0 for name in TIMES},
    )
