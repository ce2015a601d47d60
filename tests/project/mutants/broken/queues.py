"""Queues that say less than they know: some mutations put one before the queue that is there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shared.delivery import Delivery
from shared.ports.queue import QueueError


class NeverRefusing:
    """Says of each entry that it worked."""

    def __init__(self, queue):
        self.queue = queue

    async def delete(self, deliveries):
        await self.queue.delete(deliveries)
        return []

    async def change_visibility(self, deliveries, seconds, until=math.inf):
        await self.queue.change_visibility(deliveries, seconds, until)
        return []


class NeverFailing(NeverRefusing):
    """Reports a delete that failed as a whole as one that worked. It still reports what was refused."""

    async def delete(self, deliveries):
        with suppress(QueueError):
            return await self.queue.delete(deliveries)
        return []


@contextmanager
def having(service, **fields) -> Iterator[None]:
    """Gives the service other private fields for a block: `having(settler, queue=…)`."""
    before = {f"_{name}": getattr(service, f"_{name}") for name in fields}
    for name, value in fields.items():
        setattr(service, f"_{name}", value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(service, name, value)


def changed(delivery: Delivery, **fields) -> Delivery:
    """Returns a copy of the delivery in which that is otherwise."""
    copy = Delivery(delivery.message, delivery.queue_url, delivery.lease)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy
