"""The breaker of a queue: it shuts while a service that all tasks need is unavailable.

A task says so by Unavailable. The breaker shuts after `trip` different messages have said it without a
success in between. Then only one message a minute is received, to try. A success opens the breaker. `longest`
after it shut first it stays open, until an hour passes in which it would not have been shut. So no message is
kept from its attempts for ever. An hour in which nothing was tried is none: the schedule may have gaps.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

TRIP, LONGEST = "trip", "longest"
"""The rule: the number of different messages that shut it, and the most seconds that it is shut."""

FAILING, SHUT_UNTIL = "failing", "shut_until"
"""The messages that said Unavailable since the last success, and the time of the next try."""

SINCE, LAST, OPENED = "since", "last", "opened"
"""Since when it is shut, if successes in between do not count; the time of the last Unavailable after enough
messages had said it; and of the success that opened it. All are epoch seconds."""

BEGUN = "begun"
"""The time of the first Unavailable since the last success."""

DEFAULT_TRIP, MAX_TRIP = 10, 30
DEFAULT_LONGEST_SECONDS, MAX_LONGEST_SECONDS = 6 * 3600.0, 12 * 3600.0
"""Each try is a receive, one a minute, and SQS takes a message away after 1,000."""

QUIET_SECONDS = 3600.0
"""After so long without enough messages that say Unavailable, `since` begins again. It is a task's longest
backoff by default."""

PROBE_SECONDS = 60.0
"""Seconds from one try to the next."""

NEAR_SECONDS = 5.0
"""A success counts although the queue is shut if its message was received at most so long before the first
Unavailable since the last success. Of messages that are received together some may fail before others
succeed."""

CUTS_SECONDS = 15.0
"""With a rate that finds itself, the queue shuts only after so long without a success: first the rate
is cut, four times."""

TIMES = (SHUT_UNTIL, SINCE, LAST, OPENED, BEGUN)
SAID = (FAILING, *TIMES)
"""All that tasks have said, without the rule."""


class Breaker(NamedTuple):
    """The breaker in a gate. A time is 0 if there was none.

    failing -- names of messages, made by `name_of`.
    patience -- least seconds from `begun` until it shuts.
    """

    trip: int = DEFAULT_TRIP
    longest: float = DEFAULT_LONGEST_SECONDS
    failing: frozenset[str] = frozenset()
    shut_until: float = 0.0
    since: float = 0.0
    last: float = 0.0
    opened: float = 0.0
    begun: float = 0.0
    patience: float = 0.0

    @property
    def unavailable_since(self) -> float | None:
        """Returns since when tasks say Unavailable without a success, or None if none does."""
        return (self.begun or self.since) if self.failing else None

    def is_shut(self, now: float) -> bool:
        """Returns whether messages must not be received, except to try."""
        return self.has_enough(now) and now - self.since < self.longest

    def is_over(self, now: float) -> bool:
        """Returns whether it is open only because it was shut for so long."""
        return self.has_enough(now) and now - self.since >= self.longest

    def has_enough(self, now: float) -> bool:
        """Returns whether enough messages have said Unavailable."""
        return len(self.failing) >= self.trip and now - self.begun >= self.patience

    def old(self, now: float) -> tuple[str, ...]:
        """Returns what the next Unavailable forgets after a quiet time: all, or only what an earlier outage
        has left, if the present one began within the hour and has not been shut for the longest time."""
        return SAID if self.is_over(now) or self.begun < now - QUIET_SECONDS else (SINCE, LAST)

    def believes(self, received_at: float, now: float) -> bool:
        """Returns whether the success of a message that was received then takes back what was said. If it is
        shut, an earlier message may have begun before the service was gone."""
        return not self.is_shut(now) or received_at >= self.begun - NEAR_SECONDS


def name_of(message_id: str) -> str:
    """Returns one of 256 names, so that a gate stays small with any number of messages."""
    return f"{binascii.crc32(message_id.encode(errors='replace')) & 0xFF:02x}"


def breaker_of(numbers: Mapping[str, float | None], failing: Any, patience: float) -> Breaker:
    """Returns the breaker of a gate with these numbers.

    failing  -- a collection of names, or None.
    patience -- as the breaker's.
    """
    trip, longest = numbers[TRIP], numbers[LONGEST]
    return Breaker(
        DEFAULT_TRIP if trip is None else int(trip),
        DEFAULT_LONGEST_SECONDS if longest is None else longest,
        frozenset(failing or ()),
        **{name: numbers[name] or 0.0 for name in TIMES},
        patience=patience,
    )
