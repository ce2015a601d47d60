"""Finds duplicates on a FIFO queue. SQS remembers each message for five minutes, even a deleted one."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Literal

from shared.ports.queue import Outgoing, QueueError

DEDUPLICATION_SECONDS = 300
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

type Scope = Literal["messageGroup", "queue"]


class Deduplication:
    """The messages sent in the last five minutes.

    scope         -- whether an id counts within its group, or in the whole queue.
    content_based -- whether the hash of the body is the id of a message without one.
    """

    def __init__(self, scope: Scope, content_based: bool) -> None:
        self._scope = scope
        self._content_based = content_based
        self._sent: OrderedDict[tuple[str | None, str], tuple[float, str]] = OrderedDict()

    def id_of(self, message: Outgoing) -> str:
        """Returns the message's deduplication id. Raises QueueError if it has none."""
        if message.deduplication_id is not None:
            return message.deduplication_id
        if self._content_based:
            return hashlib.sha256(message.body.encode()).hexdigest()
        raise QueueError(
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled "
            "or MessageDeduplicationId provided explicitly",
        )

    def first(self, group: str | None, id: str, message_id: str, now: float) -> str:
        """Returns the MessageId of the first such message: `message_id`, if this is no duplicate."""
        while self._sent and next(iter(self._sent.values()))[0] <= now - DEDUPLICATION_SECONDS:
            self._sent.popitem(last=False)
        scope = group if self._scope == "messageGroup" else None
        return self._sent.setdefault((scope, id), (now, message_id))[1]
