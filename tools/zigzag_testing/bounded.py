"""The queue and the gates of an account with quotas."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.gates import HELD, Gate, GatesError, Taking
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.quotas import IN_FLIGHT, WRITES, Quotas

UNIT_BYTES = 1024
"""The bytes of one write unit
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html)."""

GATE_BYTES, PERMIT_BYTES = 100, 22
"""The size of a gate without permits, and of a permit: a name of eight characters and a number of 13 digits
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html)."""


class BoundedQueue(MemoryQueue):
    """A queue with as many messages in flight as the quota allows. It notes when that is met."""

    def __init__(self, quotas: Quotas, clock: Clock, *arguments: Any, **options: Any) -> None:
        super().__init__(clock, *arguments, max_in_flight=quotas.in_flight, **options)
        self._quotas = quotas

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        now, storage = self._now()
        if storage.in_flight(now) + max_messages > self._quotas.in_flight:
            self._quotas.note(IN_FLIGHT, now)
        return await super().receive(max_messages, wait_seconds, lease_seconds)


class BoundedGates(MemoryGates):
    """Gates whose writes are throttled beyond the quota of an item."""

    def __init__(self, quotas: Quotas, clock: Clock) -> None:
        super().__init__()
        self._quotas = quotas
        self._clock = clock

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        self._write(queue)
        return await super().swap(queue, rev, taking)

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        self._write(queue)
        return await super().claim(queue, permit, own, now, until)

    async def renew(self, queue: str, own: str, until: float) -> bool:
        self._write(queue)
        return await super().renew(queue, own, until)

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        self._write(queue)
        await super().release(queue, permits)

    def _write(self, queue: str) -> None:
        size = GATE_BYTES + PERMIT_BYTES * len(self.attributes[queue].get(HELD, {}))
        if not self._quotas.use(WRITES, self._clock.now(), queue, units=ceil(size / UNIT_BYTES)):
            raise GatesError("ThrottlingException: Throughput exceeds the current capacity of the table.")
