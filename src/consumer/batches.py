"""Which messages of a poll travel together? Each dispatch carries a batch of them, in the order received.

A message that can't be written as JSON keeps no other from being dispatched.

| queue | a batch is | what does not fit its event |
|---|---|---|
| standard | up to so many messages as the parameter says | is a batch of its own |
| FIFO | what came of one group: no two workers may have messages of one group | is the rest of the dispatch |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.delivery import MAX_EVENT_BYTES, Batch, Delivery, longest_event
from shared.envelope import UNWRITABLE, is_writable
from shared.lease import MAX_RECEIVE_COUNT

WORN_RECEIVES = MAX_RECEIVE_COUNT - 10
"""SQS moves a message after its last receive, and gives no reason. Its count is approximate."""


class EventLimit:
    """The largest event that Lambda takes, as far as this process knows: less, once it has refused one.

    A single message beyond that is tried all the same, up to Lambda's own limit: nobody knows by how much the
    refused one was too large.
    """

    def __init__(self) -> None:
        self.bytes = MAX_EVENT_BYTES

    def refused(self, size: int) -> None:
        """An event of that size was too large."""
        self.bytes = min(self.bytes, size // 2)


class Dispatch(NamedTuple):
    """One batch, and its event.

    event    -- None where the batch's one delivery fits no event, not even compressed, or can't be written.
    rest     -- of a FIFO group: the deliveries behind the batch, which do not fit. No worker may have them
                before the batch.
    writable -- whether the batch can be written as an event at all.
    worn     -- its one delivery was received so often that SQS is about to give the message up.
    """

    batch: Batch
    event: bytes | None
    rest: tuple[Delivery, ...] = ()
    writable: bool = True
    worn: bool = False


def dispatches_of(
    received: Sequence[Delivery], batch_size: int, max_bytes: int = MAX_EVENT_BYTES
) -> list[Dispatch]:
    """Every delivery of a poll, in a batch or in the rest of a dispatch.

    batch_size -- most deliveries of a batch from a standard queue.
    max_bytes  -- of an event; a single delivery that is larger is a batch of its own, up to Lambda's limit.
    """
    groups: dict[str | None, list[Delivery]] = {}
    waiting: list[Delivery] = []
    for delivery in received:
        (groups.setdefault(delivery.group, []) if delivery.from_fifo else waiting).append(delivery)
    dispatches = [_first_of(group, max_bytes) for group in groups.values()]
    while waiting:
        first = _first_of(waiting[:batch_size], max_bytes)
        dispatches.append(first._replace(rest=()))
        waiting = waiting[len(first.batch.deliveries) :]
    return dispatches


def _first_of(deliveries: Sequence[Delivery], max_bytes: int) -> Dispatch:
    """The longest batch from their start that fits, and the others as its rest."""
    for number, delivery in enumerate(deliveries):
        if delivery.receive_count >= WORN_RECEIVES:
            return _first_before(number, deliveries, max_bytes)
    try:
        number, event = longest_event(deliveries, max_bytes)
    except UNWRITABLE:
        unwritable = (n for n, delivery in enumerate(deliveries) if not is_writable(delivery.message))
        return _first_before(next(unwritable), deliveries, max_bytes)
    if number == 0:
        return Dispatch(Batch((deliveries[0],)), None, tuple(deliveries[1:]))
    return Dispatch(Batch(tuple(deliveries[:number])), event, tuple(deliveries[number:]))


def _first_before(number: int, deliveries: Sequence[Delivery], max_bytes: int) -> Dispatch:
    """As above, where the one of that number can't be dispatched: the batch ends before it, or is it."""
    if number == 0:
        writable = is_writable(deliveries[0].message)
        return Dispatch(Batch((deliveries[0],)), None, tuple(deliveries[1:]), writable, worn=writable)
    first = _first_of(deliveries[:number], max_bytes)
    return first._replace(rest=(*first.rest, *deliveries[number:]))
