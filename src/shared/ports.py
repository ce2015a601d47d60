"""What do the consumer and the worker need from the world outside, and in what words?

Ports are asynchronous and work on batches, so that the same code runs on boto in threads
(the consumer), on boto in place (the worker) and on virtual time (`zigzag_testing`).
`docs/adr/0001` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from shared.delivery import Delivery

MAX_PER_CALL = 10
"""SQS's limit on entries of a batch and on messages of a receive."""

MAX_WAIT_SECONDS = 20
"""SQS's longest long poll."""

MAX_DELAY_SECONDS = 900
"""SQS's longest delay of a message."""

REFUSED_CHARACTERS = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""What SQS refuses in a body, as a pattern, which `re` compiles when it is used: that takes a while
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""

MAX_VISIBILITY_SECONDS = 43_200
"""12 hours from the receive; SQS refuses more
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html)."""


class QueueError(Exception):
    """A queue's call failed as a whole. `code` is AWS's error code, or the name of the network's error."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Failed(NamedTuple):
    """One entry of a batch that the queue refused, with AWS's code and words."""

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
        """Up to `max_messages` (1 to 10) messages, each hidden from others for `lease_seconds`.

        Waits up to `wait_seconds` (0 to 20) for the first one.
        """

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: int) -> list[Failed]:
        """Makes the messages visible again after `seconds` (0 to 43,200) from now: also extends a lease."""

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Failed]:
        """Removes the messages for good."""

    async def send(self, message: Outgoing) -> str:
        """Puts a message on the queue; its MessageId."""

    async def in_flight(self) -> int:
        """How many messages are received and not yet deleted or visible again. SQS's figure may lag a minute,
        and includes messages that are merely postponed."""


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


class RecordsError(Exception):
    """The records can't be reached, or refused a call; `reason` says why in AWS's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Begun(NamedTuple):
    """This start is recorded, and the task is its owner's. It is the `starts`-th that was recorded."""

    starts: int


class Busy(NamedTuple):
    """Another worker runs the task, and owns it until that time, in epoch seconds."""

    until: float


class Done:
    """The task's completion is recorded."""


class Records(Protocol):
    """One record a task: how often it started, whose it is, and whether it is done.

    A record lives for `RECORD_SECONDS` from its last change. `owner` names one delivery's worker. Every
    method raises RecordsError.
    """

    async def begin(self, key: str, owner: str, now: float, until: float) -> Begun | Busy | Done:
        """Counts a start and makes `owner` the owner until then, unless another one is, or it is done.

        Asked again by its owner before that time, it gives the same count; afterwards it is another start.
        """

    async def extend(self, key: str, owner: str, until: float) -> bool:
        """Moves the end of the ownership; False if `owner` is not the owner (any more)."""

    async def finish(self, key: str, owner: str, now: float) -> bool:
        """Records the completion; False if `owner` is not the owner (any more)."""

    async def disown(self, key: str, owner: str) -> None:
        """Gives up the ownership, if `owner` has it; the count stays."""

    async def count(self, key: str, owner: str, now: float) -> int:
        """Counts a start that was not recorded when it began, once for an owner; how many there are now."""

    async def forget(self, key: str, owner: str) -> None:
        """Forgets the starts, so that a dead letter that is redriven begins anew, and gives up the ownership.

        Nothing changes if another one is the owner. A completion stays.
        """


class Clock(Protocol):
    """Time, in epoch seconds."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...
