"""The context: the facts that a running task can read about itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from zigzag.values import Value

_LOG = logging.getLogger("zigzag.task")


def _unlimited() -> float:
    return float("inf")


class Failed(Value):
    """Says which task failed, to the task that repairs it.

    task, id -- its name and its id.
    reason   -- why it has failed, as in its dead letter.
    attempts -- how often it was tried.
    before   -- the names of the tasks that failed before it, if it was to repair another one.
    """

    __match_args__ = ("task", "id", "reason", "attempts", "before")

    def __init__(
        self, task: str, id: str = "test", reason: str = "", attempts: int = 1, before: tuple[str, ...] = ()
    ) -> None:
        self.task: Final = task
        self.id: Final = id
        self.reason: Final = reason
        self.attempts: Final = attempts
        self.before: Final = before


class Context(Value):
    """Describes one attempt to its task. In a test, make one: `Context()`.

    id           -- the task's id: the producer's, else the first MessageId. It is the same in every attempt,
                    so it can be the key of an effect that must happen only once.
    task         -- the task's name.
    attempt      -- the attempt's number, from 1.
    sent_at      -- when SQS took the message.
    attributes   -- the message's attributes: text for String and Number, bytes for Binary.
    log          -- a logger whose lines carry id, task and attempt.
    seconds_left -- a function that returns the seconds until the attempt is interrupted, which happens before
                    Lambda ends it.
    failed       -- the task that has failed, if this one is its `on_failure`; else None.
    """

    __match_args__ = ("id", "task", "attempt", "sent_at", "attributes", "log", "seconds_left", "failed")

    def __init__(
        self,
        id: str = "test",
        task: str = "test",
        attempt: int = 1,
        sent_at: datetime | None = None,
        attributes: Mapping[str, str | bytes] | None = None,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger] = _LOG,
        seconds_left: Callable[[], float] = _unlimited,
        failed: Failed | None = None,
    ) -> None:
        self.id: Final = id
        self.task: Final = task
        self.attempt: Final = attempt
        self.sent_at: Final = sent_at
        self.attributes: Final[Mapping[str, str | bytes]] = {} if attributes is None else attributes
        self.log: Final = log
        self.seconds_left: Final = seconds_left
        self.failed: Final = failed

    def __hash__(self) -> int:
        return hash((self.id, self.task, self.attempt))  # `attributes` may be a dict, which can't be hashed
