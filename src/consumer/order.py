"""The order in which queues are polled."""

from __future__ import annotations

from collections.abc import Sequence


def next_after(last: int, going_on: Sequence[bool]) -> int | None:
    """Returns the number of the queue to poll next, one after the other, or None if no turn goes on.

    last     -- the queue that was polled last; -1 before the first poll.
    going_on -- for each queue, whether its turn goes on.
    """
    for step in range(1, len(going_on) + 1):
        number = (last + step) % len(going_on)
        if going_on[number]:
            return number
    return None
