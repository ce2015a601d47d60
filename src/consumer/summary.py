"""The summary of a tick, which the consumer logs and answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

QUEUE_EMPTY = "queue empty"
OUT_OF_TIME = "out of time"
CAP_REACHED = "in-flight cap reached"
PAUSED = "paused"
RATE_REACHED = "rate reached"
_GOOD = {QUEUE_EMPTY, OUT_OF_TIME, CAP_REACHED, PAUSED, RATE_REACHED}


@dataclass(slots=True)
class Summary:
    """A tick, or a queue's turn in it, counted; `stopped` says why it ended.

    received = dispatched + released + dead_lettered + left; what was left comes again by itself.
    """

    polls: int = 0
    received: int = 0
    dispatched: int = 0
    released: int = 0
    dead_lettered: int = 0
    left: int = 0
    stopped: str = ""

    @property
    def went_well(self) -> bool:
        """Whether it ended as it should."""
        return {QUEUE_EMPTY, OUT_OF_TIME, CAP_REACHED, PAUSED, RATE_REACHED}.issuperset(
            self.stopped.split("; ")
        )


def total(turns: Sequence[Summary]) -> Summary:
    """The summary of a tick with these turns, each reason to stop once."""
    return Summary(
        polls=sum(turn.polls for turn in turns),
        received=sum(turn.received for turn in turns),
        dispatched=sum(turn.dispatched for turn in turns),
        released=sum(turn.released for turn in turns),
        dead_lettered=sum(turn.dead_lettered for turn in turns),
        left=sum(turn.left for turn in turns),
        stopped="; ".join(dict.fromkeys(turn.stopped for turn in turns)),
    )
