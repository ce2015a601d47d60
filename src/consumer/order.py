"""The order of queues that share what is received: by their weights.

It is stride scheduling. Each queue has a pass, which each message moves on, by less the larger the queue's
weight. The queue with the least pass is next. So queues that all have messages are received from in the
proportion of their weights.

A queue gathers no credit for a time in which it had no messages, or was held up by its own calls. One that
joins the others, or that another goes on past, is no farther behind than by a full poll of the other; and one
that joins owes no more than a full poll for a time in which it was alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from math import inf

from shared.ports.queue import MAX_PER_CALL

GETS_ON_SECONDS = 0.1, 1.0
"""Bounds of the time since its last full poll for which a queue that is behind is waited for. After it the
others go on: its calls may hang."""

TURN_SECONDS = 0.05
"""Time after which a queue looks again whether it still is ahead of the others."""

SLOWER = 3
"""The polls of the one that waits, which that time lasts. A queue whose polls take longer than this would
hold up the others, and not for its own good: the time is lost in its calls."""


class Order:
    """The passes of queues. A queue is named by its number.

    passes -- where each queue is; kept from tick to tick.
    """

    def __init__(self, weights: Sequence[float], passes: defaultdict[int, float] | None = None) -> None:
        self._strides = [1 / weight for weight in weights]
        self._passes = defaultdict[int, float](float) if passes is None else passes
        self._brought_at = [-inf for _ in weights]
        self._full_at = [-inf for _ in weights]
        self._poll_seconds = [0.0 for _ in weights]

    def next(self, ready: Collection[int]) -> int | None:
        """Returns the queue to poll next, of those that are ready, or None if none is."""
        return min(ready, key=self._passes.__getitem__, default=None)

    def takes(self, number: int, messages: int) -> None:
        """Notes that a poll asks for so many messages. A negative number gives back what did not come."""
        self._passes[number] += messages * self._strides[number]

    def brought(self, number: int, began: float, now: float, *, is_full: bool) -> None:
        """Notes that a poll has brought messages.

        is_full -- whether it has brought as many as it asked for, and more may wait.
        """
        self._brought_at[number] = now
        self._full_at[number] = now if is_full else -inf
        if is_full:
            self._poll_seconds[number] = now - began

    def joins(self, number: int, others: Collection[int]) -> None:
        """Puts a queue that was away to where the others are."""
        if others:
            least = min(self._passes[each] - self._full_poll(each) for each in others)
            most = min(self._passes[each] for each in others) + self._full_poll(number)
            self._passes[number] = min(max(self._passes[number], least), most)

    def behind(self, number: int, others: Collection[int]) -> list[int]:
        """Returns those of the others that are behind this one."""
        return [each for each in others if self._passes[each] < self._passes[number]]

    def gets_on(self, number: int, beside: int, now: float) -> bool:
        """Returns whether the queue's full polls end about as often as those of the one beside it, which may
        wait."""
        least, most = GETS_ON_SECONDS
        return now < self._full_at[number] + min(max(least, SLOWER * self._poll_seconds[beside]), most)

    def hangs(self, number: int, now: float) -> bool:
        """Returns whether none of the queue's polls has brought a message lately."""
        return now >= self._brought_at[number] + GETS_ON_SECONDS[1]

    def overtakes(self, number: int, others: Collection[int]) -> None:
        """Notes that a queue goes on past others."""
        least = self._passes[number] - self._full_poll(number)
        for each in others:
            self._passes[each] = max(self._passes[each], least)

    def _full_poll(self, number: int) -> float:
        return MAX_PER_CALL * self._strides[number]
