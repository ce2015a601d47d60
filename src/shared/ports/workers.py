"""The workers: where dispatches go, and what comes back of each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class Reply(Enum):
    """What a call's answer means to us: one classification, of receives and invokes alike."""

    SENT = "sent"
    TOO_LARGE = "too large"
    DEFINITE = "definite"  # it was not done, and a retry won't mend it: 403, 404, any other 4xx
    TRANSIENT = "transient"  # it was not done, and may be soon: 429, no connection, a receive's 5xx
    AMBIGUOUS = "ambiguous"  # it may have been done, and to send it again could double it


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
