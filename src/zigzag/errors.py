"""The errors of `zigzag`, and the exceptions by which a task decides what happens to its message.

Exception
├── Retry                       raised by a task: try again later
│   └── Unavailable             what all tasks of the queue need is away
├── Reject                      raised by a task: never try again
└── ZigzagError
    ├── TaskDefinitionError     a function that can't be a task
    └── SendError               a message that was not sent
        ├── AlreadyScheduledError
        ├── BadPayloadError
        └── PayloadTooLargeError

Retry and Reject are no errors: an `except ZigzagError` around a task's own sends does not catch them.
"""

from __future__ import annotations


class Retry(Exception):  # noqa: N818 -- not an error: a request of the task
    """Raised by a task that wants to be tried again later. It counts as an attempt, not as an error.

    reason -- a text for the log, and for the dead letter if this was the last attempt.
    after  -- seconds until the next attempt; without it, the task's backoff decides.
    """

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        super().__init__(reason)
        if after is not None and not after >= 0:  # `not >=` refuses NaN as well
            raise ValueError(f"Retry(after=…) takes seconds from 0, not {after}")
        self.reason = reason
        self.after = after


MAX_AFTER_SECONDS = 900
"""Most seconds for which a task may make all others of its queue wait."""


class Unavailable(Retry):
    """Raised by a task if a service that all tasks of its queue need is unavailable: each would fail now.

    With `FlowControl`, a queue receives only one message a minute after enough messages have raised this,
    until one succeeds; meanwhile no attempt is used up. Without `FlowControl`, it is a Retry. A failure that
    depends on the payload must not raise it: the sender of such payloads would stop the queue.

    reason -- as for Retry.
    after  -- seconds until the next try, 0 to 900; without it, a minute.
    """

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        if after is not None and not 0 <= after <= MAX_AFTER_SECONDS:
            raise ValueError(f"Unavailable(after=…) takes seconds, 0 to {MAX_AFTER_SECONDS}, not {after}")
        super().__init__(reason, after=after)


class Reject(Exception):  # noqa: N818
    """Raised by a task that no retry can help. Its message becomes a dead letter at once, with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ZigzagError(Exception):
    """The base of all errors of `zigzag`. Retry and Reject are not among them."""


class TaskDefinitionError(ZigzagError):
    """The function can't be a task. The text names its file and line, and the change that it needs."""


class SendError(ZigzagError):
    """A message was not sent."""


class AlreadyScheduledError(SendError):
    """The task is scheduled already with this id, and once is enough."""


class BadPayloadError(SendError):
    """The payload does not fit the task's model, or is not JSON."""


STORE_IT = "send what is large to S3 and put its key in the payload"
"""The remedy that the texts of a PayloadTooLargeError name."""


class PayloadTooLargeError(SendError):
    """The message would be too large for its queue, or for an asynchronous invoke of the worker."""
