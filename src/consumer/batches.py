"""Divides the messages of a poll into dispatches. Each carries a batch of them, in the order received.

A message that can't be written as JSON does not stop the others.

| queue | a batch is | a message that does not fit its event |
|---|---|---|
| standard | up to as many messages as the parameter says | is in a batch of its own |
| FIFO | the messages of one group: no two workers may have messages of a group | is in the dispatch's rest |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from consumer.traces import traced
from shared.delivery import MAX_EVENT_BYTES, Batch, Delivery, longest_event
from shared.envelope import UNWRITABLE, is_writable
from shared.lease import MAX_RECEIVE_COUNT

WORN_RECEIVES = MAX_RECEIVE_COUNT - 10
"""Receives after which a message is worn: SQS moves it after its last receive, without a reason. SQS's count
is approximate."""


class EventLimit:
    """The largest event that Lambda takes, as far as this process knows: less once Lambda has refused one.

    A single larger message is tried all the same, up to Lambda's own limit: it is not known by how much the
    refused event was too large.
    """

    def __init__(self) -> None:
        self.bytes = MAX_EVENT_BYTES

    def refused(self, size: int) -> None:
        self.bytes = min(self.bytes, size // 2)


class Dispatch(NamedTuple):
    """One batch and its event.

    event    -- None if the batch is one delivery that fits no event, even compressed, or that can't be
                written.
    rest     -- the deliveries of a FIFO group behind the batch, which do not fit. No worker may have them
                before the batch.
    writable -- whether the batch can be written as an event at all.
    worn     -- whether its one delivery was received so often that SQS is about to give the message up.
    """

    batch: Batch
    event: bytes | None
    rest: tuple[Delivery, ...] = ()
    writable: bool = True
    worn: bool = False

    def traced_event(self) -> bytes | None:
        headers = (delivery.trace_header for delivery in self.batch.deliveries)
        return None if self.event is None else traced(self.event, headers)


def dispatches_of(
    received: Sequence[Delivery], batch_size: int, max_bytes: int = MAX_EVENT_BYTES
) -> list[Dispatch]:
    """Returns the dispatches of a poll. Every delivery is in a batch or in the rest of a dispatch.

    batch_size -- most deliveries of a batch from a standard queue.
    max_bytes  -- most bytes of an event; a single larger delivery is a batch of its own, up to Lambda's
                  limit.
    """
    groups: dict[str | None, list[Delivery]] = {}
    for delivery in received:
        if delivery.from_fifo:
            groups.setdefault(delivery.group, []).append(delivery)
    waiting = [delivery for delivery in received if not delivery.from_fifo]
    dispatches = [_first_of(group, max_bytes) for group in groups.values()]
    while waiting:
        first = _first_of(waiting[:batch_size], max_bytes)
        dispatches.append(first._replace(rest=()) if first.rest else first)
        waiting = waiting[len(first.batch.deliveries) :]
    return dispatches


def with_traces(dispatches: list[Dispatch]) -> list[Dispatch]:
    """Returns the dispatches, each to be invoked in its sender's trace. Changes the list, so that no event is
    there twice."""
    for number, one in enumerate(dispatches):
        dispatches[number] = one._replace(event=one.traced_event())
    return dispatches


def _first_of(deliveries: Sequence[Delivery], max_bytes: int) -> Dispatch:
    """Returns the longest batch from the start that fits, with the others as its rest."""
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
    """Returns the first batch if the delivery at `number` can't be dispatched: the ones before it, or it
    alone."""
    if number == 0:
        writable = is_writable(deliveries[0].message)
        return Dispatch(Batch((deliveries[0],)), None, tuple(deliveries[1:]), writable, worn=writable)
    first = _first_of(deliveries[:number], max_bytes)
    return first._replace(rest=(*first.rest, *deliveries[number:]))
