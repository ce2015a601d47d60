"""How many lanes poll, over how many connections? As many as the processor feeds, which grows with memory."""

from __future__ import annotations

from shared.ports import MOST_PER_CALL

MB_A_LANE = 64
LEAST_LANES, MOST_LANES = 4, 32
"""Four lanes whose calls take long don't fill a whole processor: docs/performance.md has four beside
thirty-two. More than it can feed would only open connections."""

CONNECTIONS_A_LANE = MOST_PER_CALL // 2
"""Half of what a lane invokes at once: while one lane receives, another invokes."""


def lanes_for(memory_mb: int) -> int:
    """How many lanes a consumer with so much memory polls with."""
    return max(LEAST_LANES, min(memory_mb // MB_A_LANE, MOST_LANES))


def connections_for(lanes: int) -> int:
    """The most to each service, of the lean transport."""
    return lanes * CONNECTIONS_A_LANE


def threads_for(lanes: int) -> int:
    """Of boto3, which waits in one for each call, and parses all of its authorities for each connection. More
    would wait for the processor, and for one another; by ten, all that a poll received goes out at once."""
    return max(lanes, MOST_PER_CALL)
