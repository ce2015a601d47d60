"""The order of the queues: which one is polled next?"""

from __future__ import annotations

from collections.abc import Sequence


def next_after(last: int, polled: Sequence[bool]) -> int | None:
    """The number of the queue whose turn it is: each in turn; None if no turn goes on.

    last   -- the queue that was polled last; -1 before the first poll.
    polled -- of each queue, whether its turn goes on.
    """
    for step in range(1, len(polled) + 1):
        number = (last + step) % len(polled)
        if polled[number]:
            return number
    return None
