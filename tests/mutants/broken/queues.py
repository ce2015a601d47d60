"""Queues that say less than they know: some mutations put one before the queue that is there."""

from __future__ import annotations

from contextlib import suppress

from shared.ports.queue import QueueError


class NeverRefusing:
    """Says of each entry that it worked."""

    def __init__(self, queue):
        self.queue = queue

    async def delete(self, deliveries):
        await self.queue.delete(deliveries)
        return []

    async def change_visibility(self, deliveries, seconds):
        await self.queue.change_visibility(deliveries, seconds)
        return []


class NeverFailing(NeverRefusing):
    """Says of a delete that failed as a whole that it worked. What it refuses, it says."""

    async def delete(self, deliveries):
        with suppress(QueueError):
            return await self.queue.delete(deliveries)
        return []
