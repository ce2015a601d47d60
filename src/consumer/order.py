"""The order of the queues: which one is polled next?"""

from __future__ import annotations

from collections.abc import Sequence


def next_after(last: int, going_on: Sequence[bool]) -> int | None:
    """The number of the queue whose turn it is: each in turn; None if no turn goes on.

    last     -- the queue that was polled last; -1 before the first poll.
    going_on -- of each queue, whether its turn goes on.
    """
    for step in range(1, len(going_on) + 1):
        number = (last + step) % len(going_on)
        if going_on[number]:
            return number
    return None
