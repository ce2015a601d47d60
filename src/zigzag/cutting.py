"""Cuts messages into batches: by number, by bytes, and on a FIFO queue by groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from shared.dead_letter import MAX_MESSAGE_BYTES, size
from shared.ports.queue import MAX_PER_CALL, Outgoing
from zigzag.extra.pointers import SIZE

MAX_BATCH_BYTES = MAX_MESSAGE_BYTES
"""Most bytes of all messages of a batch together: SQS's limit for one message
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html)."""


class Entry(NamedTuple):
    """A message on its way.

    number  -- that of its payload, from 0.
    size    -- its bytes as SQS counts them: body and attributes.
    repeats -- whether it may be sent again though SQS may have it.
    """

    number: int
    payload: Any
    id: str | None
    message: Outgoing
    size: int
    repeats: bool


class Cut(NamedTuple):
    """A batch, and whether no more messages fit into it."""

    entries: list[Entry]
    full: bool


def size_of(message: Outgoing) -> int:
    return size(message.body, message.attributes)


def written_bytes(message: Outgoing) -> int:
    """Returns the same, with the body that went to S3: its payload is held until its result is taken."""
    return size_of(message) + int(message.attributes.get(SIZE, {}).get("StringValue", 0))


def cut(waiting: Iterable[Entry], busy: Collection[str], *, fifo: bool) -> Cut:
    """Returns the next batch of those that wait, in their order.

    On a FIFO queue, a batch has one message of a group, and none of a group that is `busy`: if a message
    fails, the next one of its group must not be on its way already.
    """
    entries: list[Entry] = []
    total = 0
    passed = set(busy)
    for entry in waiting:
        if fifo and entry.message.group in passed:
            continue
        if fifo and entry.message.group is not None:
            passed.add(entry.message.group)
        if total + entry.size > MAX_BATCH_BYTES and entries:
            return Cut(entries, full=True)
        entries.append(entry)
        total += entry.size
        if len(entries) == MAX_PER_CALL:
            return Cut(entries, full=True)
    return Cut(entries, full=False)
