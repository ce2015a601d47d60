"""The summary of a tick, which the consumer logs and answers with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

QUEUE_EMPTY = "queue empty"
OUT_OF_TIME = "out of time"


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
        return {QUEUE_EMPTY, OUT_OF_TIME}.issuperset(self.stopped.split("; "))


def total(turns: Iterable[Summary]) -> Summary:
    """The summary of a tick with these turns, each reason to stop once."""
    whole, reasons = Summary(), dict[str, None]()
    for turn in turns:
        reasons[turn.stopped] = None
        for name in [field.name for field in fields(Summary) if field.name != "stopped"]:
            setattr(whole, name, getattr(whole, name) + getattr(turn, name))
    whole.stopped = "; ".join(reasons)
    return whole
