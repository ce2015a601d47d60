"""The summary of a tick: the consumer logs it, and answers with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.delivery import Delivery

QUEUE_EMPTY = "queue empty"
OUT_OF_TIME = "out of time"
CAP_REACHED = "in-flight cap reached"
PAUSED = "paused"
RATE_REACHED = "rate reached"
ALL_RUN = "as many run at once as may"
UNAVAILABLE = "unavailable"
NOT_STARTED = "another consumer has its part, or it is too late"
_GOOD = {QUEUE_EMPTY, OUT_OF_TIME, CAP_REACHED, PAUSED, RATE_REACHED, ALL_RUN, UNAVAILABLE, NOT_STARTED}


@dataclass(slots=True)
class Summary:
    """Counts of a tick, or of a queue's turn in it. `stopped` says why it ended.

    largest_receive -- how many characters the bodies of one receive had together at most.

    received = dispatched + released + dead_lettered + left. Messages that were left come again by themselves.
    """

    polls: int = 0
    received: int = 0
    dispatched: int = 0
    released: int = 0
    dead_lettered: int = 0
    left: int = 0
    stopped: str = ""
    largest_receive: int = 0

    def note_receive(self, received: Sequence[Delivery]) -> None:
        self.polls += 1
        self.received += len(received)
        size = sum(len(delivery.body) for delivery in received)
        self.largest_receive = max(self.largest_receive, size)

    def stop(self, why: str) -> None:
        """Notes that it ends. The first reason counts."""
        self.stopped = self.stopped or why

    @property
    def went_well(self) -> bool:
        """Returns whether every reason to stop is a normal one."""
        return _GOOD.issuperset(self.stopped.split("; "))


def total(turns: Sequence[Summary]) -> Summary:
    """Returns the summary of a tick with these turns. It has each reason to stop once."""
    return Summary(
        polls=sum(turn.polls for turn in turns),
        received=sum(turn.received for turn in turns),
        dispatched=sum(turn.dispatched for turn in turns),
        released=sum(turn.released for turn in turns),
        dead_lettered=sum(turn.dead_lettered for turn in turns),
        left=sum(turn.left for turn in turns),
        stopped="; ".join(dict.fromkeys(turn.stopped for turn in turns)),
        largest_receive=max((turn.largest_receive for turn in turns), default=0),
    )
