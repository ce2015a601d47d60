"""The flow of a queue: how many messages may be received now? The one question before every poll."""

from __future__ import annotations

from typing import Protocol


class Flow(Protocol):
    """How many messages a queue lets through, in one run of the consumer."""

    async def may_receive(self) -> int:
        """How many messages the next receive may ask for, at most 10; 0 = none now.

        They are reserved until `received` says how many came.
        """

    def received(self, asked: int, came: int) -> None:
        """Of the `asked` messages that `may_receive` allowed, `came` many came."""

    @property
    def over(self) -> str | None:
        """Why this run may receive nothing more; None while it may."""
