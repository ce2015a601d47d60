"""What does a running task know of itself?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple


def _unlimited() -> float:
    return float("inf")


class Context(NamedTuple):
    """One attempt, as its task sees it. In a test, make one: `Context()`.

    id           -- the task's id: the producer's, else the first MessageId. The same in every attempt, so
                    it is a key to use with what must not be done twice.
    task         -- the task's name.
    attempt      -- from 1.
    sent_at      -- when SQS took the message.
    attributes   -- the message's attributes: text for String and Number, bytes for Binary.
    log          -- a logger whose lines carry id, task and attempt.
    seconds_left -- a function: how long until the attempt is interrupted, which is before Lambda ends it.
    """

    id: str = "test"
    task: str = "test"
    attempt: int = 1
    sent_at: datetime | None = None
    attributes: Mapping[str, str | bytes] = MappingProxyType({})
    log: logging.Logger | logging.LoggerAdapter[logging.Logger] = logging.getLogger("zigzag.task")
    seconds_left: Callable[[], float] = _unlimited
