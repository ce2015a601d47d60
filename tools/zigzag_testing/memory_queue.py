"""A queue in memory, with the manners of an SQS standard queue, on any clock.

It passes the same contract suite as the adapter on SQS (`tests/contract`): visibility, receive
counts, a new handle a receive, delays, attributes, sizes and characters that SQS refuses.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.dead_letter import MOST_ATTRIBUTES, MOST_MESSAGE_BYTES, size
from shared.delivery import Delivery
from shared.lease import Lease
from shared.ports import (
    LONGEST_DELAY_SECONDS,
    LONGEST_VISIBILITY_SECONDS,
    LONGEST_WAIT_SECONDS,
    MOST_PER_CALL,
    REFUSED_CHARACTERS,
    Clock,
    Failed,
    Outgoing,
    QueueError,
)

_LOOK_AGAIN_SECONDS = 0.05


@dataclass(slots=True)
class _Stored:
    message_id: str
    outgoing: Outgoing
    sent_at: float
    visible_at: float
    receives: int = 0
    received_at: float = 0.0
    first_received_at: float = 0.0
    handle: str | None = None


class MemoryQueue:
    """A standard queue named by `url`, whose time is `clock`'s."""

    def __init__(self, clock: Clock, url: str = "https://sqs.sandbox/queue") -> None:
        self.url = url
        self._clock = clock
        self._stored: dict[str, _Stored] = {}
        self._number = itertools.count(1)

    def __len__(self) -> int:
        """How many messages there are, visible or not."""
        return len(self._stored)

    @property
    def messages(self) -> list[Outgoing]:
        """Every message there is, in the order sent, as it was sent."""
        return [stored.outgoing for stored in self._stored.values()]

    async def send(self, message: Outgoing) -> str:
        _refuse_what_sqs_refuses(message)
        now = self._clock.now()
        message_id = f"message-{next(self._number)}"
        self._stored[message_id] = _Stored(message_id, message, now, now + message.delay_seconds)
        return message_id

    async def receive(self, most: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        if not 1 <= most <= MOST_PER_CALL or not 0 <= wait_seconds <= LONGEST_WAIT_SECONDS:
            raise QueueError("InvalidParameterValue", f"most={most}, wait_seconds={wait_seconds}")
        give_up_at = self._clock.now() + wait_seconds
        while not (visible := self._visible()) and self._clock.now() < give_up_at:
            await self._clock.sleep(min(_LOOK_AGAIN_SECONDS, give_up_at - self._clock.now()))
        return [self._deliver(stored, lease_seconds) for stored in visible[:most]]

    async def postpone(self, deliveries: Sequence[Delivery], seconds: int) -> list[Failed]:
        _refuse_a_bad_batch(deliveries)
        now = self._clock.now()
        failed = []
        for delivery in deliveries:
            stored = self._stored.get(delivery.message_id)
            if stored is None or stored.handle != delivery.receipt_handle:
                reason = "Message does not exist or is not available for visibility timeout change."
                failed.append(Failed(delivery, "InvalidParameterValue", reason))
            elif not 0 <= seconds <= LONGEST_VISIBILITY_SECONDS - (now - stored.received_at):
                reason = f"{seconds} s: a message is hidden for at most 12 hours from its receive"
                failed.append(Failed(delivery, "InvalidParameterValue", reason))
            else:
                stored.visible_at = now + seconds
        return failed

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Failed]:
        _refuse_a_bad_batch(deliveries)
        for delivery in deliveries:
            stored = self._stored.get(delivery.message_id)
            # With a superseded handle the request succeeds, and the message stays.
            if stored is not None and stored.handle == delivery.receipt_handle:
                del self._stored[delivery.message_id]
        return []

    async def in_flight(self) -> int:
        now = self._clock.now()
        return sum(stored.receives > 0 and stored.visible_at > now for stored in self._stored.values())

    def next_visible_at(self) -> float | None:
        """When the next message is, or becomes, visible; None if there is no message."""
        return min((stored.visible_at for stored in self._stored.values()), default=None)

    def _visible(self) -> list[_Stored]:
        now = self._clock.now()
        return [stored for stored in self._stored.values() if stored.visible_at <= now]

    def _deliver(self, stored: _Stored, lease_seconds: int) -> Delivery:
        now = self._clock.now()
        stored.receives += 1
        stored.received_at = now
        stored.first_received_at = stored.first_received_at or now
        stored.visible_at = now + lease_seconds
        stored.handle = f"{stored.message_id}-receive-{stored.receives}"
        system = {
            "SentTimestamp": str(int(stored.sent_at * 1000)),
            "ApproximateReceiveCount": str(stored.receives),
            "ApproximateFirstReceiveTimestamp": str(int(stored.first_received_at * 1000)),
        }
        if stored.outgoing.group is not None:
            system["MessageGroupId"] = stored.outgoing.group
        if stored.outgoing.trace_header is not None:
            system["AWSTraceHeader"] = stored.outgoing.trace_header
        message: dict[str, Any] = {
            "MessageId": stored.message_id,
            "ReceiptHandle": stored.handle,
            "Body": stored.outgoing.body,
            "Attributes": system,
        }
        if stored.outgoing.attributes:
            message["MessageAttributes"] = dict(stored.outgoing.attributes)
        return Delivery(message, self.url, Lease.taken(now, lease_seconds))


def _refuse_a_bad_batch(deliveries: Sequence[Delivery]) -> None:
    if not deliveries:
        raise QueueError("AWS.SimpleQueueService.EmptyBatchRequest", "There is no entry in the batch.")
    if len(deliveries) > MOST_PER_CALL:
        raise QueueError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", f"at most {MOST_PER_CALL}")


def _refuse_what_sqs_refuses(message: Outgoing) -> None:
    if not 0 <= message.delay_seconds <= LONGEST_DELAY_SECONDS:
        raise QueueError("InvalidParameterValue", f"delay_seconds={message.delay_seconds}")
    if not message.body:
        raise QueueError("MissingParameter", "The request must contain the parameter MessageBody.")
    if REFUSED_CHARACTERS.search(message.body):
        raise QueueError("InvalidMessageContents", "Invalid characters in the message body.")
    if len(message.attributes) > MOST_ATTRIBUTES:
        raise QueueError("InvalidParameterValue", f"more than {MOST_ATTRIBUTES} message attributes")
    if size(message.body, message.attributes) > MOST_MESSAGE_BYTES:
        raise QueueError("InvalidParameterValue", f"Message must be shorter than {MOST_MESSAGE_BYTES} bytes.")
