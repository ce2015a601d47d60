"""The flow of a queue decides, before every poll, how many messages may be received now."""

from __future__ import annotations

from math import inf
from typing import NamedTuple, Protocol


class Slot(NamedTuple):
    """A time at which one task may start, and its permit.

    at       -- the earliest start, in epoch seconds.
    start_by -- the latest start: a later one would exceed the rate.
    permit   -- the permit's name; empty if the queue has no exact cap.
    held_until -- the time when the permit ends.
    probe    -- whether it is for the single message that is tried while the breaker is shut.
    taken_at -- when it was taken.
    limits   -- the rate and the exact cap by which it was taken. It may not be used after an operator has
                changed these.
    """

    at: float
    start_by: float
    permit: str = ""
    held_until: float = inf
    probe: bool = False
    taken_at: float = 0.0
    limits: tuple[object, ...] = ()


ASK_AGAIN_SECONDS = 0.25
"""Wait until the flow is asked again, if it is not known how long nothing more may be received."""


class Share(NamedTuple):
    """The share of the next receive.

    most          -- most messages, up to 10; 0 = none now.
    slots         -- one for each message, if the queue has a rate or an exact cap.
    doubt         -- the breaker's doubt, for the lease of each message.
    slow          -- whether no other consumer would help: the queue opens slowly, after its breaker was shut,
                     or the cap's pace holds it back.
    again_seconds -- wait until the flow is asked again, if none may be received now.
    """

    most: int
    slots: tuple[Slot, ...] = ()
    doubt: str = ""
    again_seconds: float = ASK_AGAIN_SECONDS
    slow: bool = False


NOTHING = Share(0)


class Flow(Protocol):
    """Decides how many messages a queue lets through in one run of the consumer."""

    async def may_receive(self) -> Share:
        """Returns the share of the next receive. It is reserved until `received` tells how many came."""

    def received(self, share: Share, came: int) -> None:
        """Notes that `came` messages of the share came."""

    def unsent(self, slot: Slot) -> None:
        """Notes that a message with this slot did not start a worker."""

    async def end(self) -> None:
        """Ends the run, and gives back the slots that it did not use."""

    @property
    def over(self) -> str | None:
        """The reason why this run may receive nothing more, or None."""
