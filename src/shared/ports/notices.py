"""The port of notices: short texts to people, about tasks that have failed."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class NoticeError(Exception):
    """The notice was not sent.

    reason -- why, in AWS's words.
    maybe  -- whether it may have been sent all the same: no answer came.
    """

    def __init__(self, reason: str, *, maybe: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.maybe = maybe


class Notice(NamedTuple):
    """One notice: a title, the text for a mail, and a shorter one for everything else."""

    title: str
    text: str
    short: str


class Notices(Protocol):
    @property
    def dead_letter_url(self) -> str:
        """The URL of the dead-letter queue, for the command that a notice tells."""

    async def publish(self, notice: Notice, seconds: float) -> None:
        """Sends the notice once, within so many seconds. Raises NoticeError."""
