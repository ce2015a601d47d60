"""How a queue opens after its breaker was shut: slowly, or its backlog hits what has just recovered."""

from __future__ import annotations

from shared.ports.breaker import Breaker

SLOW_SECONDS = 10
"""In each second of these, twice as many are received as in the one before: 1, 2, 4 and so on."""

JUST_SECONDS = 120.0
"""So long after a success has opened it the next ticks begin slowly: the first comes within a minute."""


class Opening:
    """One tick's view of it."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._through = 0

    def most(self, want: int, breaker: Breaker, now: float) -> int:
        """How many of so many messages may be received now."""
        if now > breaker.opened + JUST_SECONDS:
            self._began = None
            return want
        if self._began is None:
            self._began, self._through = now, 0
        second = int(now - self._began)
        return want if second >= SLOW_SECONDS else max(0, min(want, 2 ** (second + 1) - 1 - self._through))

    def let_through(self, messages: int) -> None:
        """So many are being received; less than 0 where fewer came than were asked for."""
        self._through += messages
