"""Limits the memory for received messages, which all pollers share.

A receive may bring 64 KiB or thirty MiB; only the length in its answer's head tells. So a poller reads an
answer once there is memory for it and for the events made of it. Until then the rest of the answer stays on
the network. Nor does a poller receive while there is no memory for an answer like its queue's last one: the
lease of a message that waits on the network already runs.
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
"""Memory that Lambda's runtime uses in addition to our process."""

PROCESS_MB = 60
"""Memory for the interpreter, our code and the connections, and for one message at a time: as text, with up
to four bytes a character, and as its event."""

MIN_MB = 16

_HELD: ContextVar[_Held] = ContextVar("held")


class _Held:
    """The bytes that one poll of a queue holds."""

    def __init__(self, queue: str, size: int) -> None:
        self.queue = queue
        self.size = size


class Memory:
    """A number of bytes for large answers; 0 = no limit."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._expected: dict[str, int] = {}
        self._freed = asyncio.Event()
        self._polls = asyncio.Lock()

    @asynccontextmanager
    async def poll(self, queue: str = "") -> AsyncIterator[None]:
        """Surrounds a receive and its dispatches. Waits first for the memory for an answer like the last one
        of that queue: one of small answers, which need none, does not wait for one of large ones."""
        held = _Held(queue, 0)
        if self._expected.get(queue):
            async with self._polls:  # one after the other: who has just given it back is not the first again
                await asyncio.sleep(0)  # nor before an answer that waits
                held.size = await self._taken(self._expected[queue])  # the queue may be empty by now
        token = _HELD.set(held)
        try:
            yield
        finally:
            _HELD.reset(token)
            self._give_back(held.size)

    async def arriving(self, length: int, seconds: float) -> None:
        """Waits for the memory for an answer of `length` bytes. Raises TimeoutError after `seconds`."""
        held = _HELD.get()
        self._expected[held.queue] = needed = needs(length)
        if needed != held.size:
            self._give_back(held.size)  # all of it: two polls that keep a part would wait for each other
            held.size = 0
            async with asyncio.timeout(seconds):
                held.size = await self._taken(needed)

    async def _taken(self, size: int) -> int:
        size = min(size, self._size)  # an answer larger than all memory is read alone
        while self._free < size:
            self._freed.clear()
            await self._freed.wait()
        self._free -= size
        return size

    def _give_back(self, size: int) -> None:
        self._free += size
        self._freed.set()


def needs(length: int) -> int:
    """Returns the bytes for an answer of that length: for itself, its events, and their requests."""
    return 0 if length <= LARGE_BYTES else length + 2 * min(length, MAX_PER_CALL * MAX_EVENT_BYTES)


def memory_for(memory_mb: int) -> Memory:
    """Returns the memory for large answers of a function with `memory_mb`."""
    return Memory(max(MIN_MB, memory_mb - RUNTIME_MB - PROCESS_MB) * MB)
