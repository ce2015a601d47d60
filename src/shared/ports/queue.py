"""The port of a queue: receive, change visibility, delete, send, count.

The methods of a port are asynchronous and work on batches. So the same code runs on boto in threads (the
consumer), in place (the worker) and on virtual time (`zigzag_testing`): `docs/adr/0001` has the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from shared.delivery import Delivery
from shared.ports.workers import Meaning

MAX_PER_CALL = 10
"""SQS's limit on entries of a batch and on messages of a receive."""

MAX_POLL_SECONDS = 20
"""SQS's longest long poll."""

MAX_DELAY_SECONDS = 900
"""SQS's longest delay of a message."""

KNOWN_SECONDS = 240.0
"""Time after the first try of a send for further ones: a FIFO queue knows a message for five minutes, and a
call on a slow line may take one itself
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html)."""

REFUSED_CHARACTERS = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""The pattern of characters that SQS refuses in a body. It is compiled when it is used, as that takes time
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""

MAX_VISIBILITY_SECONDS = 43_200
"""12 hours from the receive; SQS refuses more
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html)."""


class QueueError(Exception):
    """A queue's call failed as a whole.

    code    -- AWS's error code, or the name of the network's error.
    meaning -- DEFINITE, TRANSIENT or AMBIGUOUS.
    """

    def __init__(self, code: str, reason: str, meaning: Meaning = Meaning.TRANSIENT) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.meaning = meaning


class AlteredError(QueueError):
    """The queue took a different message than was sent. `reason` says how to proceed."""


class Refused(NamedTuple):
    """An entry of a batch that the queue refused, with AWS's code and words."""

    delivery: Delivery
    code: str
    reason: str


class Outgoing(NamedTuple):
    """A message to send. `delay_seconds` is at most 900, and works on standard queues only."""

    body: str
    attributes: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    group: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    delay_seconds: int = 0


class Queue(Protocol):
    """A task queue or a dead-letter queue. Every method raises QueueError if the call fails as a whole."""

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        """Returns up to `max_messages` (1 to 10) messages, and hides each for `lease_seconds`.

        Waits up to `wait_seconds` (0 to 20) for the first one.
        """

    async def change_visibility(
        self, deliveries: Sequence[Delivery], seconds: int, until: float = math.inf
    ) -> list[Refused]:
        """Makes the messages visible again `seconds` (0 to 43,200) from now. It also extends a lease.

        Nothing is sent after `until`, in epoch seconds, when their leases end, nor repeated after `seconds`:
        another worker may have the messages by then.
        """

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Refused]:
        """Removes the messages for good."""

    async def send(self, message: Outgoing) -> str:
        """Puts a message on the queue and returns its MessageId. Raises AlteredError if it may differ
        there."""

    async def in_flight(self) -> int:
        """Returns how many messages are received and not yet deleted or visible again. SQS's figure may be a
        minute old, and includes messages that are only postponed."""

    async def waiting(self) -> int:
        """Returns how many messages can be received now. SQS's figure may be a minute old."""
