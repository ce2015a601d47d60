"""The flow of a queue: how many messages may be received now? The one question before every poll."""

from __future__ import annotations

from math import inf
from typing import NamedTuple, Protocol


class Slot(NamedTuple):
    """A time at which one task may start, and the permit by which it may.

    at       -- from when on, in epoch seconds.
    start_by -- until when: later it would be one too many.
    permit   -- its name; empty where the queue has no exact cap.
    held_until -- when the permit ends.
    probe    -- whether it is the one start that tries what was unavailable.
    """

    at: float
    start_by: float
    permit: str = ""
    held_until: float = inf
    probe: bool = False


class Share(NamedTuple):
    """What the next receive may ask for.

    most  -- so many messages, at most 10; 0 = none now.
    slots -- where the queue has a rate or an exact cap, one for each of them.
    doubt -- as a lease has it, for each of them.
    """

    most: int
    slots: tuple[Slot, ...] = ()
    doubt: str = ""


NOTHING = Share(0)


class Flow(Protocol):
    """How many messages a queue lets through, in one run of the consumer."""

    async def may_receive(self) -> Share:
        """What the next receive may ask for. It is reserved until `received` says how many came."""

    def received(self, share: Share, came: int) -> None:
        """Of what `may_receive` allowed, `came` many came."""

    def unsent(self, slot: Slot) -> None:
        """No worker was started in that slot, which a message had got."""

    async def end(self) -> None:
        """The run is over: what it took and did not use is given back."""

    @property
    def over(self) -> str | None:
        """Why this run may receive nothing more; None while it may."""
