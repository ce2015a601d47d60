"""Stores the messages of a queue in memory, in their order, until they are deleted or too old."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from zigzag_testing.turns import Stored, Turns


class Storage:
    """The messages of one queue.

    retention_seconds -- how long a message is kept after it was sent, in flight or not.
    """

    def __init__(self, turns: Turns, retention_seconds: float) -> None:
        self._turns = turns
        self._retention_seconds = retention_seconds
        self._stored: dict[str, Stored] = {}
        self._in_flight = InFlight()
        self._delayed = InFlight()
        self._too_old_at: list[tuple[float, str]] = []
        self._count = itertools.count(1)

    def __len__(self) -> int:
        return len(self._stored)

    def __iter__(self) -> Iterator[Stored]:
        """Yields the messages in the order in which they came."""
        return iter(self._stored.values())

    def find(self, message_id: str) -> Stored | None:
        return self._stored.get(message_id)

    def add(self, stored: Stored, visible_at: float) -> None:
        """Stores a message that is new in this queue, and sets its number."""
        stored.number = next(self._count)
        self._stored[stored.message_id] = stored
        heappush(self._too_old_at, self._end_of(stored))
        if len(self._too_old_at) > 2 * len(self._stored) + 1000:
            self._too_old_at = [self._end_of(one) for one in self]
            heapify(self._too_old_at)
        self._give_turn(stored, visible_at)
        if visible_at > stored.sent_at:
            self._delayed.begin(stored.message_id, visible_at)

    def take(self, max_messages: int, now: float) -> list[Stored]:
        """Returns the messages whose turn it is. The caller must hide or remove each."""
        return self._turns.take(max_messages, now)

    def hide(self, stored: Stored, until: float) -> None:
        """Puts the message in flight. It is visible again at `until`."""
        self._give_turn(stored, until)
        self._in_flight.begin(stored.message_id, until)

    def remove(self, stored: Stored) -> None:
        del self._stored[stored.message_id]
        self._turns.remove(stored)
        self._in_flight.end(stored.message_id)
        self._delayed.end(stored.message_id)

    def forget_old(self, now: float) -> None:
        """Removes the messages whose retention is over."""
        while self._too_old_at and self._too_old_at[0][0] <= now:
            _, message_id = heappop(self._too_old_at)
            if message_id in self._stored:
                self.remove(self._stored[message_id])

    def in_flight(self, now: float) -> int:
        return self._in_flight.count(now)

    def waiting(self, now: float) -> int:
        """Returns how many messages are neither in flight nor delayed."""
        return len(self._stored) - self._in_flight.count(now) - self._delayed.count(now)

    def clear(self) -> None:
        for stored in list(self):
            self.remove(stored)

    def next_at(self) -> float | None:
        """Returns when the next message can be taken, which may be in the past; None without messages."""
        return self._turns.next_at()

    def _give_turn(self, stored: Stored, visible_at: float) -> None:
        stored.turn = (visible_at, next(self._count))
        self._turns.put(stored)

    def _end_of(self, stored: Stored) -> tuple[float, str]:
        return (stored.sent_at + self._retention_seconds, stored.message_id)


class InFlight:
    """Counts the messages that are not deleted, and not visible before their time."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._in_order: list[tuple[float, str]] = []

    def begin(self, message_id: str, until: float) -> None:
        """Puts the message in flight until that time, which replaces an earlier one."""
        self._until[message_id] = until
        heappush(self._in_order, (until, message_id))

    def end(self, message_id: str) -> None:
        self._until.pop(message_id, None)

    def count(self, now: float) -> int:
        while self._in_order and self._in_order[0][0] <= now:
            until, message_id = heappop(self._in_order)
            if self._until.get(message_id) == until:
                del self._until[message_id]
        return len(self._until)
