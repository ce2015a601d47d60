"""How many pollers, over how many connections? As many as the processor feeds, which grows with memory."""

from __future__ import annotations

from shared.ports.queue import MAX_PER_CALL

MB_PER_POLLER = 64
MIN_POLLERS, MAX_POLLERS = 4, 32
"""Four pollers whose calls take long don't fill a whole processor: docs/performance.md has four beside
thirty-two. More than it can feed would only open connections."""

MB_FOR_A_FULL_RECEIVE = 512

CONNECTIONS_PER_POLLER = MAX_PER_CALL // 2
"""Half of what a poller invokes at once: while one poller receives, another invokes."""


def pollers_for(memory_mb: int) -> int:
    """How many pollers a consumer with so much memory polls with."""
    return max(MIN_POLLERS, min(memory_mb // MB_PER_POLLER, MAX_POLLERS))


def connections_for(pollers: int) -> int:
    """The most to each service, of the lean transport."""
    return pollers * CONNECTIONS_PER_POLLER


def threads_for(pollers: int) -> int:
    """Threads for boto3, which blocks one for each call. Ten at least, so that one poll's dispatches go out
    together; more would wait for the processor."""
    return max(pollers, MAX_PER_CALL)


def messages_for(memory_mb: int) -> int:
    """How many messages a receive of boto3 may ask for: each may be of 1 MiB. 2 at 128 MB, 10 from 512.

    boto3 parses an answer as a whole, which takes some 20 MB for each such message.
    """
    if memory_mb == 0:
        return MAX_PER_CALL
    return min(MAX_PER_CALL, memory_mb * MAX_PER_CALL // MB_FOR_A_FULL_RECEIVE)
