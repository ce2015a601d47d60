"""Opens a queue slowly after its breaker was shut: its backlog could overload a service that has just
recovered."""

from __future__ import annotations

from math import inf

from shared.ports.breaker import Breaker

SLOW_SECONDS = 10
"""Seconds of a slow begin. In each, twice as many messages are received as in the one before: 1, 2, 4 and so
on."""

JUST_SECONDS = 120.0
"""Time after a success has opened the breaker in which ticks begin slowly. The first comes within a
minute. If the breaker is open only because it was shut for so long, each tick begins slowly."""


class Opening:
    """The slow begin of one tick, or of a server's process.

    again_seconds -- the time from one slow begin to the next: a server has no ticks.
    """

    def __init__(self, again_seconds: float = inf) -> None:
        self._again_seconds = again_seconds
        self._began: float | None = None
        self._through = 0

    def most(self, want: int, breaker: Breaker, now: float) -> int:
        """Returns how many of `want` messages may be received now."""
        if now > breaker.opened + JUST_SECONDS and not breaker.is_over(now):
            self._began = None
            return want
        if self._began is None or now >= self._began + self._again_seconds:
            self._began, self._through = now, 0
        second = int(now - self._began)
        return want if second >= SLOW_SECONDS else max(0, min(want, 2 ** (second + 1) - 1 - self._through))

    def is_slow(self, now: float) -> bool:
        """Returns whether the slow begin is under way."""
        return self._began is not None and now - self._began < SLOW_SECONDS

    def let_through(self, messages: int) -> None:
        """Notes that `messages` are received; less than 0 if fewer came than were asked for."""
        self._through += messages
