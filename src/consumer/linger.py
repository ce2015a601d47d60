"""Decides how long a tick lingers: polls on after a queue has run empty.

| | an empty queue is polled on |
|---|---|
| a tick that has received something | for LingerSeconds, and until the next tick is due |
| an idle tick | not at all |
| any tick, with WatchAlways | until the next tick has begun, whatever comes |

A tick that lingers ends just before the next one begins. So Lambda runs both in the same process, and the
next one goes on lingering. If they overlapped, Lambda would use another process, which knows of no message,
and nobody would watch the queue from the end of the first until the tick after.
"""

from __future__ import annotations

from math import inf

WATCH_SECONDS = 70.0
"""Time for which a tick polls on with WatchAlways: longer than the minute until the next tick."""

DUE_SECONDS = 59.5
"""Time from a tick's beginning until the next tick is due. Each begins a minute after the one before; an
asynchronous invoke needs some milliseconds, not always the same."""

MIN_WAIT_SECONDS = 1.0
"""SQS's shortest wait that is not 0."""

BETWEEN_SECONDS = 3.0
"""Most time between the last poll of a tick that the next one replaces, and the next one's beginning."""


class Lingering:
    """Makes the lingering of each tick of one process, and remembers when that last received something.

    seconds      -- how long a tick lingers that has received something.
    watch_always -- whether every tick watches the queues until the next one has begun.
    """

    def __init__(self, seconds: float = 0.0, *, watch_always: bool = False) -> None:
        self.seconds = seconds
        self.watch_always = watch_always
        self.received_at = -inf

    def of_tick(self, now: float) -> Linger:
        """Returns the lingering of a tick that begins now."""
        return Linger(self, now)


class Linger:
    """The lingering of one tick, for all its queues."""

    def __init__(self, lingering: Lingering, began: float) -> None:
        self._lingering = lingering
        self._due = began + DUE_SECONDS
        self._since = began - lingering.seconds - BETWEEN_SECONDS

    def received(self, now: float) -> None:
        """Notes that messages have come, to any queue."""
        self._lingering.received_at = now

    def until(self, empty_since: float) -> float:
        """Returns until when a queue is polled on that has been empty since then, in epoch seconds."""
        if self._lingering.watch_always:
            return empty_since + WATCH_SECONDS
        if self._lingering.received_at < self._since:
            return empty_since
        return min(empty_since + self._lingering.seconds, self._due)

    def is_replaced(self, now: float) -> bool:
        """Returns whether the next tick is about to take over. It does so for queues without a backlog."""
        is_followed = self._lingering.seconds > 0 and not self._lingering.watch_always
        return is_followed and now > self._due - MIN_WAIT_SECONDS
