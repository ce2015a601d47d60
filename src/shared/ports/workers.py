"""The port of the workers: it takes dispatches, and answers each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Meaning(StrEnum):
    """The meaning of a call's answer, for receives and invokes alike.

    It is a text, whose hash is made in C: each poll looks some twenty up.
    """

    SENT = "sent"
    TOO_LARGE = "too large"
    DEFINITE = "definite"  # it was not done, and a retry won't help: 403, 404, any other 4xx
    TRANSIENT = "transient"  # it was not done, and a retry may help: 429, no connection, a receive's 5xx
    AMBIGUOUS = "ambiguous"  # it may have been done, and a retry could do it twice


class Answer(NamedTuple):
    """The meaning of the answer to one dispatch, and its details in AWS's words."""

    meaning: Meaning
    detail: str = ""


class TracedEvent(bytes):
    """A worker's event with X-Ray's header, which its invoke has in place of the caller's own."""

    trace: str


class Workers(Protocol):
    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        """Invokes the worker exactly once for each event, all at the same time."""
