"""The numbers of pollers, connections and threads. They grow with the processor, which grows with memory."""

from __future__ import annotations

from shared.ports.queue import MAX_PER_CALL

MB_PER_POLLER = 64
MIN_POLLERS, MAX_POLLERS = 4, 32
"""Four pollers with slow calls don't use a whole processor: docs/performance.md compares four and thirty-two.
More than the processor can serve would only open connections."""

MB_FOR_A_FULL_RECEIVE = 512

CONNECTIONS_PER_POLLER = MAX_PER_CALL
"""One for each invoke that a poller makes at once: invokes of one queue's worker that hang keep none from the
pollers of other queues. A connection is opened only if no other one is free."""


def pollers_for(memory_mb: int, queues: int = 1) -> int:
    """Returns the most polls at the same time. Each queue has a poller of its own."""
    return max(MIN_POLLERS, queues, min(memory_mb // MB_PER_POLLER, MAX_POLLERS))


def connections_for(pollers: int) -> int:
    """Returns how many connections to each service the lean transport may open."""
    return pollers * CONNECTIONS_PER_POLLER


def threads_for(pollers: int) -> int:
    """Returns the number of threads for boto3, which blocks one for each call: at least ten, so that one
    poll's dispatches go out together. More would wait for the processor."""
    return max(pollers, MAX_PER_CALL)


def messages_for(memory_mb: int) -> int:
    """Returns how many messages a receive of boto3 may ask for, each of 1 MiB: 2 at 128 MB, 10 from 512.

    boto3 parses an answer as a whole. That takes some 20 MB for each such message.
    """
    if memory_mb == 0:
        return MAX_PER_CALL
    return min(MAX_PER_CALL, memory_mb * MAX_PER_CALL // MB_FOR_A_FULL_RECEIVE)
