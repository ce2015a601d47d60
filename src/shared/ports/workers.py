"""The workers: where dispatches go, and what comes back of each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class Reply(Enum):
    """What an asynchronous invoke's answer means to us."""

    SENT = "sent"
    TOO_LARGE = "too large"
    THROTTLED = "throttled"
    REFUSED = "refused"  # or nothing was sent
    UNKNOWN = "unknown"  # it may have arrived: sending again could double it


class Answer(NamedTuple):
    """The reply to one dispatch, and its details in AWS's words."""

    reply: Reply
    detail: str = ""


class Workers(Protocol):
    """Where dispatches go."""

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        """Invokes the worker once for each event, all at once, and never twice.

        One answer an event, in their order.
        """
