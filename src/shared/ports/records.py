"""The records: what is remembered of a task across its deliveries."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class RecordsError(Exception):
    """The records can't be reached, or refused a call; `reason` says why in AWS's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Begun(NamedTuple):
    """This start is recorded, and the task is its owner's. It is the `starts`-th that was recorded."""

    starts: int


class Busy(NamedTuple):
    """Another worker runs the task, and owns it until that time, in epoch seconds."""

    until: float


class Done:
    """The task's completion is recorded."""


class Records(Protocol):
    """One record a task: how often it started, whose it is, and whether it is done.

    A record lives for `RECORD_SECONDS` from its last change. `owner` names one delivery's worker. Every
    method raises RecordsError.
    """

    async def begin(self, key: str, owner: str, now: float, until: float) -> Begun | Busy | Done:
        """Counts a start and makes `owner` the owner until then, unless another one is, or it is done.

        Asked again by its owner before that time, it gives the same count; afterwards it is another start.
        """

    async def extend(self, key: str, owner: str, until: float) -> bool:
        """Moves the end of the ownership; False if `owner` is not the owner (any more)."""

    async def finish(self, key: str, owner: str, now: float) -> bool:
        """Records the completion; False if `owner` is not the owner (any more)."""

    async def disown(self, key: str, owner: str) -> None:
        """Gives up the ownership, if `owner` has it; the count stays."""

    async def count(self, key: str, owner: str, now: float) -> int:
        """Counts a start that was not recorded when it began, once for an owner; how many there are now."""

    async def forget(self, key: str, owner: str) -> None:
        """Forgets the starts, so that a dead letter that is redriven begins anew, and gives up the ownership.

        Nothing changes if another one is the owner. A completion stays.
        """
