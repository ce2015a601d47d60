"""Decides which messages the next receive brings, as SQS does for standard queues and for FIFO queues.

A message's turn is the time when it becomes visible and its place among those of the same time. Every change
of a turn adds an entry to a heap; outdated entries are skipped. So a receive takes the same time for a queue
of any length.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from typing import Protocol

from shared.ports.queue import Outgoing

type Turn = tuple[float, int]

NO_TURN: Turn = (math.inf, 0)
"""The turn of a message that was taken and not put back, or that was removed."""


@dataclass(slots=True, eq=False)
class Stored:
    """A message as the queue keeps it.

    deduplication_id -- on FIFO queues: the sender's id, or the one made from the body.
    number           -- its number in the order in which messages came to this queue.
    source_arn       -- the ARN of the queue that moved it here as a dead letter.
    handle           -- the receipt handle of the last receive.
    """

    message_id: str
    outgoing: Outgoing
    sent_at: float
    deduplication_id: str | None = None
    number: int = 0
    source_arn: str | None = None
    receives: int = 0
    received_at: float = 0.0
    first_received_at: float = 0.0
    handle: str | None = None
    turn: Turn = NO_TURN

    @property
    def visible_at(self) -> float:
        return self.turn[0]

    def system_attributes(self) -> dict[str, str]:
        """Returns the system attributes as ReceiveMessage gives them."""
        is_fifo = self.deduplication_id is not None
        attributes = {
            "SentTimestamp": str(int(self.sent_at * 1000)),
            "ApproximateReceiveCount": str(self.receives),
            "ApproximateFirstReceiveTimestamp": str(int(self.first_received_at * 1000)),
            "MessageGroupId": self.outgoing.group,
            "MessageDeduplicationId": self.deduplication_id,
            "SequenceNumber": f"{self.number:020}" if is_fifo else None,
            "AWSTraceHeader": self.outgoing.trace_header,
            "DeadLetterQueueSourceArn": self.source_arn,
        }
        return {name: value for name, value in attributes.items() if value is not None}


class Turns(Protocol):
    """The order of a queue's messages."""

    def put(self, stored: Stored) -> None:
        """Gives the message a turn: it is new, or was received or postponed."""

    def remove(self, stored: Stored) -> None:
        """Takes the message out of the order."""

    def take(self, max_messages: int, now: float) -> list[Stored]:
        """Returns the messages whose turn it is. They have no turn until they are put or removed."""

    def next_at(self) -> float | None:
        """Returns when the next message can be received, which may be in the past; None without messages."""


class StandardTurns:
    """A standard queue: the oldest visible messages come first, though SQS does not promise that."""

    def __init__(self) -> None:
        self._hidden: list[tuple[Turn, Stored]] = []
        self._visible: list[tuple[int, Turn, Stored]] = []

    def put(self, stored: Stored) -> None:
        heappush(self._hidden, (stored.turn, stored))

    def remove(self, stored: Stored) -> None:
        stored.turn = NO_TURN

    def take(self, max_messages: int, now: float) -> list[Stored]:
        while self._hidden and self._hidden[0][0][0] <= now:
            turn, stored = heappop(self._hidden)
            heappush(self._visible, (stored.number, turn, stored))
        taken: list[Stored] = []
        while self._visible and len(taken) < max_messages:
            _, turn, stored = heappop(self._visible)
            if stored.turn == turn:
                stored.turn = NO_TURN
                taken.append(stored)
        return taken

    def next_at(self) -> float | None:
        while self._visible and self._visible[0][2].turn != self._visible[0][1]:
            heappop(self._visible)
        while self._hidden and self._hidden[0][1].turn != self._hidden[0][0]:
            heappop(self._hidden)
        turns = [turn for _, turn, _ in self._visible[:1]] + [turn for turn, _ in self._hidden[:1]]
        return min(turns)[0] if turns else None


class FifoTurns:
    """A FIFO queue: one group after the other, each in the order sent, up to its first hidden message.

    So a group whose first message is hidden gives none. The group whose first message has waited longest
    comes first.
    """

    def __init__(self) -> None:
        self._groups: dict[str, OrderedDict[int, Stored]] = {}
        self._first: list[tuple[Turn, str]] = []

    def put(self, stored: Stored) -> None:
        group = _group(stored)
        messages = self._groups.setdefault(group, OrderedDict())
        messages[stored.number] = stored
        if stored is _first_of(messages):
            heappush(self._first, (stored.turn, group))

    def remove(self, stored: Stored) -> None:
        stored.turn = NO_TURN
        group = _group(stored)
        messages = self._groups[group]
        was_first = stored is _first_of(messages)
        del messages[stored.number]
        if not messages:
            del self._groups[group]
        elif was_first and (turn := _first_of(messages).turn) != NO_TURN:
            heappush(self._first, (turn, group))

    def take(self, max_messages: int, now: float) -> list[Stored]:
        taken: list[Stored] = []
        while len(taken) < max_messages and (next_at := self.next_at()) is not None and next_at <= now:
            _, group = heappop(self._first)
            for stored in islice(self._groups[group].values(), max_messages - len(taken)):
                if stored.visible_at > now:
                    break
                stored.turn = NO_TURN
                taken.append(stored)
        return taken

    def next_at(self) -> float | None:
        while self._first and not self._is_first(*self._first[0]):
            heappop(self._first)
        return self._first[0][0][0] if self._first else None

    def _is_first(self, turn: Turn, group: str) -> bool:
        messages = self._groups.get(group)
        return messages is not None and _first_of(messages).turn == turn


def _first_of(messages: OrderedDict[int, Stored]) -> Stored:
    return next(iter(messages.values()))


def _group(stored: Stored) -> str:
    assert stored.outgoing.group is not None, "a FIFO queue takes no message without a group"  # noqa: S101
    return stored.outgoing.group
