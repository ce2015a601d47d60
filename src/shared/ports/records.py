"""The records of messages and tasks, which are kept across deliveries.

There are two kinds. A message's record counts its starts, as SQS's receive count also grows without a start.
The record of a run of an idempotent task names its owner, and says whether it is done. The one of a redrive's
token does both. A notice of a failed task is owned like a run, for as long as no other one may be sent.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, NamedTuple, Protocol

MAX_KEY_BYTES = 1024
"""DynamoDB's limit on a partition key is 2,048
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""


def record_key(kind: Literal["starts", "run", "redrive", "gate", "consumer", "notice"], *names: str) -> str:
    """Returns the key of a record: its kind and its names, hashed if they are too long.

    No name can give the key of another kind, or of other names.
    """
    quoted = "#".join(name.replace("%", "%25").replace("#", "%23").replace("\\", "%5C") for name in names)
    encoded = quoted.encode(errors="backslashreplace")  # half a character becomes the only backslash
    if len(encoded) > MAX_KEY_BYTES:
        return f"{kind}#%sha256#{hashlib.sha256(encoded).hexdigest()}"
    return f"{kind}#{encoded.decode()}"


class RecordsError(Exception):
    """The records can't be reached, or refused a call. `reason` has AWS's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Counted(NamedTuple):
    """The starts of a message.

    starts  -- the starts that count as attempts, the last one included.
    allowed -- how many attempts its task has, if that is recorded; else 0. A message that could expire has it
               from its first start.
    concluded -- whether only the message's delete is left to do.
    letter -- the cause of its dead letter, if only that is left to do.
    """

    starts: int
    allowed: int = 0
    concluded: bool = False
    letter: str = ""


class Owned:
    """The run belongs to the owner that asked."""


class Busy(NamedTuple):
    """Another worker owns the run until that time, in epoch seconds."""

    until: float


class Done(NamedTuple):
    """The task's completion is recorded.

    mine   -- whether the owner that asks has recorded it.
    unsent -- what follows it, if that may not have been sent yet.
    """

    mine: bool = False
    unsent: str = ""


GIVEN_UP = "nobody"
"""The owner of a run that was given up, and that may not begin for a while."""


class Records(Protocol):
    """Records by their key. Each lives for `RECORD_SECONDS` from its last change.

    `owner` names one delivery's worker. Every method raises RecordsError.
    """

    async def count(self, key: str, owner: str, now: float) -> Counted:
        """Counts a start of a message, once for an owner."""

    async def excuse(self, key: str, owner: str, now: float, unloaded: bool) -> int:
        """Takes back the start that `owner` counted: it is no attempt. No more than one may have been counted
        since. Returns how many were taken back because their task was not loaded, this one included if
        `unloaded`."""

    async def allow(self, key: str, attempts: int, now: float) -> None:
        """Records how many attempts the message's task has."""

    async def conclude(self, key: str, now: float, letter: str = "") -> None:
        """Records that only the message's delete is left to do, or its `letter`."""

    async def own(self, key: str, owner: str, now: float, until: float) -> Owned | Busy | Done:
        """Makes `owner` the owner of a run until that time, unless another one owns it, or it is done. A done
        run with something unsent is still its owner's until its time ends: that one is about to send it."""

    async def extend(self, key: str, owner: str, until: float) -> bool:
        """Moves the end of the ownership. Returns False if `owner` is not, or no longer, the owner."""

    async def finish(self, key: str, owner: str, now: float, unsent: str = "") -> bool:
        """Records the completion, and what is to be sent after it: not what `completion` said. Returns False
        if `owner` is not, or no longer, the owner."""

    async def sent(self, key: str, now: float) -> None:
        """Records that nothing is unsent any more, of a run that is done."""

    async def disown(self, key: str, owner: str, until: float | None = None) -> Done | Busy | None:
        """Gives up the ownership, if `owner` has it and the run is not done: from then on its `completion` is
        refused. Returns Done if it is done, Busy if another worker owns it, else None.

        until -- when another worker may begin; None for at once.
        """

    def completion(self, key: str, owner: str, now: float, unsent: str = "") -> dict[str, Any]:
        """Returns what `finish` does as an item of a transaction of DynamoDB's. It is refused, and all of the
        transaction with it, if `owner` is not, or no longer, the owner, or if the run is done."""
