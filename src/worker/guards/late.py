"""The guard against a late start: a worker that starts after the lease's `start_by` must not touch the
messages."""

from __future__ import annotations

from shared.delivery import Batch
from worker.outcome import LeftAlone


async def late(batch: Batch, now: float) -> LeftAlone | None:
    """Leaves a late batch alone: another worker has its messages, or is about to get them. A batch without a
    lease counts as on time."""
    if batch.lease is None or now <= batch.lease.start_by:
        return None
    seconds = now - batch.lease.start_by
    return LeftAlone(f"started {seconds:.0f} s too late, which is no attempt: the message comes again")
