"""The result of a payload that was sent with many others."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from shared.ports.batches import Fate, Unsent
from shared.ports.workers import Meaning
from zigzag.cutting import Entry
from zigzag.values import Value

type Status = Literal["accepted", "refused", "unknown"]


class Result[Payload](Value):
    """The fate of one payload.

    index      -- its number, from 0.
    payload    -- the payload itself.
    status     -- "accepted": SQS has it. "refused": SQS does not have it. "unknown": SQS may have it.
    message_id -- the MessageId of an accepted one.
    id         -- the task's id, if it has one of its own.
    reason     -- why it is refused or unknown, without any value of the payload.
    """

    __match_args__ = ("index", "payload", "status", "message_id", "id", "reason")

    def __init__(
        self,
        index: int,
        payload: Payload,
        status: Status,
        message_id: str | None = None,
        id: str | None = None,
        reason: str | None = None,
    ) -> None:
        self.index: Final = index
        self.payload: Final = payload
        self.status: Final[Status] = status
        self.message_id: Final = message_id
        self.id: Final = id
        self.reason: Final = reason

    def __hash__(self) -> int:
        return hash((self.index, self.status, self.message_id))  # a payload may be a dict

    def __repr__(self) -> str:
        """Leaves the payload out: results are logged, and payloads may be private."""
        told = self.message_id if self.status == "accepted" else self.reason
        return f"<payload {self.index}: {self.status}, {told}>"


class Refused(NamedTuple):
    """The result of a payload of which no message could be made.

    group -- the group whose later messages must not overtake it; None if it fits no message as it is.
    """

    result: Result[Any]
    group: str | None = None


CLOSED = Unsent("Closed", "the sending was closed", Meaning.DEFINITE)
"""The fate of a message that waited for its call when the sending was closed."""


def interrupted(why: str) -> Unsent:
    """Returns the fate of a message whose call was interrupted: SQS may have it."""
    return Unsent(why, "the call was interrupted", Meaning.AMBIGUOUS)


def result_of(entry: Entry, fate: Fate) -> Result[Any]:
    """Returns the result of a message that was sent."""
    of_it = entry.number, entry.payload
    if isinstance(fate, str):
        return Result(*of_it, "accepted", fate, entry.id)
    if fate is CLOSED:
        return not_sent(entry, CLOSED.reason)
    said = f"{fate.code}: {fate.reason}"
    if fate.meaning is not Meaning.AMBIGUOUS:
        return Result(*of_it, "refused", None, entry.id, f"the queue refused the message: {said}")
    return Result(*of_it, "unknown", None, entry.id, f"the queue may have the message: {said}")


def not_sent(entry: Entry, why: str) -> Result[Any]:
    """Returns the result of a message that was read, and not sent."""
    return Result(entry.number, entry.payload, "refused", None, entry.id, f"it was not sent: {why}")
