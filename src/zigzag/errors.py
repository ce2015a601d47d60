"""The errors of `zigzag`, and the two words by which a task says what becomes of its message.

Exception
├── Retry                       raised by a task: later, please
├── Reject                      raised by a task: never, please
└── ZigzagError
    ├── TaskDefinitionError     a function that can't be a task
    └── SendError               a message that was not sent
        ├── BadPayloadError
        └── PayloadTooLargeError

Retry and Reject are no errors: `except ZigzagError` around a task's own sending lets them pass.
"""

from __future__ import annotations


class Retry(Exception):  # noqa: N818 -- not an error; the word that tasks say
    """Raised by a task that wants to be tried again later: an attempt, not an error.

    reason -- in words, for the log, and for the dead letter if it was the last attempt.
    after  -- seconds until then; without it, the task's own backoff.
    """

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        super().__init__(reason)
        if after is not None and not after >= 0:  # so that NaN is refused, too
            raise ValueError(f"Retry(after=…) takes seconds from 0, not {after}")
        self.reason = reason
        self.after = after


class Reject(Exception):  # noqa: N818
    """Raised by a task that no retry will help: its message becomes a dead letter now, with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ZigzagError(Exception):
    """The base of all errors of `zigzag`, but not of Retry and Reject."""


class TaskDefinitionError(ZigzagError):
    """A function that can't be a task. The message names its file and line, and what to change."""


class SendError(ZigzagError):
    """A message was not sent."""


class BadPayloadError(SendError):
    """The payload does not fit the task's model, or is no JSON."""


class PayloadTooLargeError(SendError):
    """The message would be too large for its queue, or for an asynchronous invoke of the worker."""
