"""A queue in memory that behaves like SQS, on any clock: standard, or FIFO if its URL ends in `.fifo`.

It passes the same contract suite as the adapter on SQS (`tests/contract`), and does what AWS was recorded to
do (`tests/contract/recorded`). If AWS may behave in two ways, a parameter chooses.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from shared.delivery import Delivery
from shared.lease import KEPT_SECONDS, Lease
from shared.ports.clock import Clock
from shared.ports.queue import MAX_VISIBILITY_SECONDS, Outgoing, QueueError, Refused
from zigzag_testing.deduplication import Deduplication, Scope
from zigzag_testing.refusals import invalid, refuse_batch, refuse_message, refuse_receive, refuse_visibility
from zigzag_testing.storage import Storage
from zigzag_testing.turns import FifoTurns, StandardTurns, Stored

MAX_IN_FLIGHT = 120_000
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html"""

_MIN_SLEEP_SECONDS = 0.001  # in a float of epoch seconds, much shorter ones are lost
_BEFORE_THE_COUNT = "-receive-"


class MemoryQueue:
    """A queue named by `url`, on the time of `clock`.

    retention_seconds   -- how long a message is kept, received or not.
    max_receive_count   -- after so many receives a message is moved to `dead_letters` instead of received
                           again.
    deduplication_scope -- FIFO: whether a deduplication id counts within its group, or in the whole queue.
    content_based_deduplication -- FIFO: whether the body replaces a missing deduplication id.
    max_in_flight      -- most messages in flight: at that number a receive raises OverLimit, or is empty on
                          FIFO.
    superseded_handles_act -- standard: what the handle of an earlier receive does to a message that was
        received again. False: a delete is answered with success and deletes nothing, as the API reference
        warns, and a change of visibility fails. True: both do what they say, as AWS was seen to do.
    look_again_seconds  -- seconds between two looks of a waiting receive for new messages.
    count_late_seconds  -- age of the in-flight count in seconds; SQS's may be a minute old.
    """

    def __init__(
        self,
        clock: Clock,
        url: str = "https://sqs.sandbox/queue",
        *,
        retention_seconds: float = KEPT_SECONDS,
        max_receive_count: int | None = None,
        dead_letters: MemoryQueue | None = None,
        deduplication_scope: Scope = "messageGroup",
        content_based_deduplication: bool = True,
        max_in_flight: int = MAX_IN_FLIGHT,
        superseded_handles_act: bool = False,
        look_again_seconds: float = 0.05,
        count_late_seconds: float = 0.0,
    ) -> None:
        self.url = url
        self.fifo = url.endswith(".fifo")
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{url.rpartition('/')[2]}"
        if dead_letters is not None and dead_letters.fifo != self.fifo:
            raise ValueError("a queue and its dead-letter queue are both FIFO queues, or neither is")
        self._clock = clock
        self._max_receive_count = max_receive_count
        self._dead_letters = dead_letters
        self._max_in_flight = max_in_flight
        self._superseded_handles_act = superseded_handles_act
        self._look_again_seconds = look_again_seconds
        self._count_late_seconds = count_late_seconds
        self._counts: deque[tuple[float, int, int]] = deque()  # counts, and until when each holds
        self._storage = Storage(FifoTurns() if self.fifo else StandardTurns(), retention_seconds)
        self._deduplication = Deduplication(deduplication_scope, content_based_deduplication)
        # A message keeps its id when it is moved, so both queues must not give the same id.
        self._ids: itertools.count[int] = itertools.count(1) if dead_letters is None else dead_letters._ids

    def __len__(self) -> int:
        """Returns the number of messages, visible or not."""
        return len(self._now()[1])

    @property
    def messages(self) -> list[Outgoing]:
        """All messages, in the order sent, as they were sent."""
        return [stored.outgoing for stored in self._now()[1]]

    async def send(self, message: Outgoing) -> str:
        refuse_message(message, self.fifo)
        now, storage = self._now()
        message_id = f"message-{next(self._ids)}"
        deduplication_id = self._deduplication.id_of(message) if self.fifo else None
        if deduplication_id is not None:
            first_id = self._deduplication.first(message.group, deduplication_id, message_id, now)
            if first_id != message_id:
                return first_id
        storage.add(Stored(message_id, message, now, deduplication_id), now + message.delay_seconds)
        return message_id

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        refuse_receive(max_messages, wait_seconds, lease_seconds)
        give_up_at = self._clock.now() + wait_seconds
        while not (received := self._receive(max_messages, lease_seconds)):
            now = self._clock.now()
            if give_up_at <= now:
                break
            await self._clock.sleep(min(give_up_at - now, self._seconds_until_the_next_look(now)))
        return received

    async def change_visibility(
        self, deliveries: Sequence[Delivery], seconds: int, until: float = math.inf
    ) -> list[Refused]:
        if self._clock.now() >= until:
            raise QueueError("TooLate", "no time was left for it")
        return _each(deliveries, lambda handle: self._change_visibility(handle, seconds))

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Refused]:
        return _each(deliveries, self._delete)

    async def in_flight(self) -> int:
        return self._count()[0]

    async def waiting(self) -> int:
        return self._count()[1]

    def _count(self) -> tuple[int, int]:
        now, storage = self._now()
        while self._counts and self._counts[0][0] <= now - self._count_late_seconds:
            self._counts.popleft()
        return self._counts[0][1:] if self._counts else (storage.in_flight(now), storage.waiting(now))

    def purge(self) -> None:
        """Deletes every message, in flight or not, as PurgeQueue does."""
        self._now()[1].clear()

    def next_visible_at(self) -> float | None:
        """Returns when the next message can be received, which may be in the past; None without messages."""
        return self._now()[1].next_at()

    def _now(self) -> tuple[float, Storage]:
        """Returns the time and the messages that exist at this time."""
        now = self._clock.now()
        self._storage.forget_old(now)
        if self._count_late_seconds:
            self._counts.append((now, self._storage.in_flight(now), self._storage.waiting(now)))
        return now, self._storage

    def _seconds_until_the_next_look(self, now: float) -> float:
        # Never long: a message that is sent in the meantime must be found.
        next_at = self._storage.next_at()
        until_then = self._look_again_seconds if next_at is None else next_at - now
        return min(self._look_again_seconds, max(_MIN_SLEEP_SECONDS, until_then))

    def _receive(self, max_messages: int, lease_seconds: int) -> list[Delivery]:
        now, storage = self._now()
        free = self._max_in_flight - storage.in_flight(now)
        if free <= 0 and not self.fifo:
            raise QueueError("OverLimit", f"Too many messages in flight: at most {self._max_in_flight}.")
        taken: list[Stored] = []
        while candidates := storage.take(min(max_messages, free) - len(taken), now):
            taken += [stored for stored in candidates if not self._is_moved(stored, now)]
        return [self._deliver(stored, now, lease_seconds) for stored in taken]

    def _is_moved(self, stored: Stored, now: float) -> bool:
        """Moves the message to the dead letters if its receives are used up. Returns whether it did."""
        if self._dead_letters is None or self._max_receive_count is None:
            return False
        if stored.receives < self._max_receive_count:
            return False
        self._storage.remove(stored)
        self._dead_letters._take_over(stored, self.arn, now)
        return True

    def _take_over(self, stored: Stored, source_arn: str, now: float) -> None:
        moved = replace(stored, source_arn=source_arn, handle=None)
        if self.fifo:
            # Otherwise one of two messages with the same id would be lost. A standard message keeps its age.
            moved = replace(moved, deduplication_id=stored.message_id, sent_at=now)
        self._storage.add(moved, visible_at=now)

    def _deliver(self, stored: Stored, now: float, lease_seconds: int) -> Delivery:
        stored.receives += 1
        stored.received_at = now
        stored.first_received_at = stored.first_received_at or now
        stored.handle = f"{stored.message_id}{_BEFORE_THE_COUNT}{stored.receives}"
        self._storage.hide(stored, until=now + lease_seconds)
        message: dict[str, Any] = {
            "MessageId": stored.message_id,
            "ReceiptHandle": stored.handle,
            "Body": stored.outgoing.body,
            "Attributes": stored.system_attributes(),
        }
        if stored.outgoing.attributes:
            message["MessageAttributes"] = dict(stored.outgoing.attributes)
        return Delivery(message, self.url, Lease.taken(now, lease_seconds))

    def _change_visibility(self, handle: str, seconds: int) -> None:
        refuse_visibility(seconds)
        now, storage = self._now()
        stored = self._find(handle)
        if stored is None or not self._acts(handle, stored) or self._has_expired(handle, stored, now):
            reason = "Message does not exist or is not available for visibility timeout change."
            raise invalid(handle, "ReceiptHandle", reason)
        if seconds > MAX_VISIBILITY_SECONDS - (now - stored.received_at):
            limit = f"is beyond the limit [{MAX_VISIBILITY_SECONDS} seconds]"
            raise invalid(seconds, "VisibilityTimeout", f"Total VisibilityTimeout for the message {limit}")
        storage.hide(stored, until=now + seconds)

    def _delete(self, handle: str) -> None:
        now, storage = self._now()
        stored = self._find(handle)
        if stored is None:
            return
        if self._has_expired(handle, stored, now):
            raise invalid(handle, "ReceiptHandle", "The receipt handle has expired.")
        if self._acts(handle, stored):
            storage.remove(stored)

    def _find(self, handle: str) -> Stored | None:
        """Returns the message if it still exists. Raises QueueError if no queue ever gave such a handle."""
        message_id, between, count = handle.rpartition(_BEFORE_THE_COUNT)
        if not between or not count.isdecimal():
            reason = f'The input receipt handle "{handle}" is not a valid receipt handle.'
            raise QueueError("ReceiptHandleIsInvalid", reason)
        return self._storage.find(message_id)

    def _acts(self, handle: str, stored: Stored) -> bool:
        return stored.handle == handle or (self._superseded_handles_act and not self.fifo)

    def _has_expired(self, handle: str, stored: Stored, now: float) -> bool:
        """Returns whether the handle has expired: on FIFO with its lease, otherwise after twelve hours."""
        if self.fifo:
            return stored.handle != handle or stored.visible_at <= now
        return stored.handle == handle and now - stored.received_at > MAX_VISIBILITY_SECONDS


def _each(deliveries: Sequence[Delivery], act: Callable[[str], None]) -> list[Refused]:
    """Acts on each entry of a batch and returns the failures. A failed entry does not affect the others."""
    refuse_batch(deliveries)
    failed = []
    for delivery in deliveries:
        try:
            act(delivery.receipt_handle or "")
        except QueueError as error:
            failed.append(Refused(delivery, error.code, error.reason))
    return failed
