"""The order in which queues are polled: by their weights.

It is stride scheduling. Each queue has a pass, which each message that is asked for moves on, by less the
larger the queue's weight. The queue with the least pass is next. So queues that all have messages are
received from in the proportion of their weights, whatever else they do.

An empty queue gathers no credit for the time when it had messages to come: it joins those that have some
where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.ports.queue import MAX_PER_CALL


class Order:
    """The passes of queues in one tick. A queue is named by its number.

    A queue is `busy` if it seems to have many messages.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self._strides = [1 / weight for weight in weights]
        self._passes = [0.0 for _ in weights]
        self._joins = [True for _ in weights]

    def next(self, ready: Sequence[bool]) -> int | None:
        """Returns the queue to poll next, of those that are ready, or None if none is."""
        return min(_numbers(ready), key=self._passes.__getitem__, default=None)

    def is_ahead(self, number: int, busy: Sequence[bool]) -> bool:
        """Returns whether the queue has had more than its part: a busy one has the lesser pass."""
        return any(self._passes[each] < self._passes[number] for each in _numbers(busy))

    def begins(self, number: int, busy: Sequence[bool]) -> None:
        """Notes that a poll begins. It counts as a full one until it ends."""
        self._joins[number] = not busy[number]
        self._join(number, busy)
        self._passes[number] += MAX_PER_CALL * self._strides[number]

    def ended(self, number: int, received: int, busy: Sequence[bool]) -> None:
        """Notes how many messages the poll has brought."""
        self._passes[number] -= MAX_PER_CALL * self._strides[number]
        self._join(number, busy)
        self._passes[number] += received * self._strides[number]

    def _join(self, number: int, busy: Sequence[bool]) -> None:
        """Puts a queue that had no messages to where those are that have some. So it has no credit for that
        time, nor for the time in which its poll waited."""
        if self._joins[number]:
            others = (self._passes[each] for each in _numbers(busy) if each != number)
            self._passes[number] = max(self._passes[number], min(others, default=0.0))


def _numbers(marked: Sequence[bool]) -> Iterator[int]:
    return (number for number, mark in enumerate(marked) if mark)
