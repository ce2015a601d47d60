"""The gates: what an operator says of a queue, which the consumer asks before it receives.

A gate is one item a queue, in the table of records: what is to hold from now on. No deploy changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from shared.ports.workers import Reply

PAUSED = "paused"
"""The attribute of a gate that is paused: since when, in epoch seconds. With any other value it is paused as
well: whoever writes it by hand need not know the form."""


class GatesError(Exception):
    """The gates can't be reached, or refused a call.

    reason -- in AWS's words.
    reply  -- DEFINITE, TRANSIENT or AMBIGUOUS.
    """

    def __init__(self, reason: str, reply: Reply = Reply.TRANSIENT) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply


class Gate(NamedTuple):
    """What is said of one queue.

    paused -- whether nothing may be received.
    since  -- since when it is paused, in epoch seconds; None where that is not said.
    odd    -- the attributes that nobody understands: they may be a rule, so the queue is closed.
    """

    paused: bool = False
    since: float | None = None
    odd: tuple[str, ...] = ()


def gate_of(attributes: Mapping[str, Any]) -> Gate:
    """The gate with these attributes. Numbers are floats; of all else only the name counts."""
    since = attributes.get(PAUSED)
    return Gate(
        PAUSED in attributes,
        since if isinstance(since, float) else None,
        tuple(sorted(attributes.keys() - {PAUSED})),
    )


class Gates(Protocol):
    """The gates by the names of their queues, as the consumer asks them. Every method raises GatesError."""

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        """The gate of each queue, as it is now; one of which nothing is said is open."""


class OperatedGates(Gates, Protocol):
    """As an operator has them."""

    async def pause(self, queue: str, now: float) -> None:
        """Says that nothing may be received; since now, if it did not hold before."""

    async def resume(self, queue: str) -> None:
        """Says that messages may be received again."""
