"""How much of what was received may be in memory at once? All pollers share what the function has.

A receive may bring 64 KiB or thirty MiB, which only the length that its answer announces tells. So a poller
reads an answer once there is memory for it and for what is made of it; until then the rest of it stays on
the network. And it does not even ask while there is no memory for an answer like the last one: a message
that waits on the network grows late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from shared.aws.lean.large import LARGE_BYTES
from shared.delivery import MAX_EVENT_BYTES
from shared.ports.queue import MAX_PER_CALL

MB = 1_048_576
RUNTIME_MB = 14
"""What Lambda's runtime takes of a function's memory next to our process."""

PROCESS_MB = 60
"""The interpreter, our code and the connections, and one message at a time as text, in up to four bytes a
character, and as the event that is made of it."""

LEAST_MB = 16

_HELD: ContextVar[_Held] = ContextVar("held")


class _Held:
    """What one poll holds, in bytes."""

    def __init__(self, size: int) -> None:
        self.size = size


class Memory:
    """So many bytes, for answers that are large; 0 = no bound."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._expected = 0
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def poll(self) -> AsyncIterator[None]:
        """Surrounds a receive and its dispatches. Waits until there is memory for an answer like the last."""
        held = _Held(await self._taken(self._expected))
        token = _HELD.set(held)
        try:
            yield
        finally:
            _HELD.reset(token)
            self._give_back(held.size)

    async def arriving(self, length: int, seconds: float) -> None:
        """An answer of so many bytes is about to be read. Raises TimeoutError where there is no memory."""
        held = _HELD.get()
        self._expected = needed = needs(length)
        if needed != held.size:
            self._give_back(held.size)  # all of it: two that keep a part would wait for each other
            held.size = 0
            async with asyncio.timeout(seconds):
                held.size = await self._taken(needed)

    async def _taken(self, size: int) -> int:
        size = min(size, self._size)  # one that is larger than all there is goes alone
        while self._free < size:
            self._freed.clear()
            await self._freed.wait()
        self._free -= size
        return size

    def _give_back(self, size: int) -> None:
        self._free += size
        self._freed.set()


def needs(length: int) -> int:
    """What an answer of that length takes in bytes: itself, its events, and the requests made of them."""
    return 0 if length <= LARGE_BYTES else length + 2 * min(length, MAX_PER_CALL * MAX_EVENT_BYTES)


def memory_for(memory_mb: int) -> Memory:
    """What a function with so much memory has for large answers."""
    return Memory(max(LEAST_MB, memory_mb - RUNTIME_MB - PROCESS_MB) * MB)
