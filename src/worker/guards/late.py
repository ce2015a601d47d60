"""The late start: a worker that starts after the lease's `start_by` must not touch the messages."""

from __future__ import annotations

from shared.delivery import Batch
from worker.outcome import LeftAlone


def late(batch: Batch, now: float) -> LeftAlone | None:
    """They are, or are about to be, somebody else's. A batch without a lease counts as on time."""
    if batch.lease is None or now <= batch.lease.start_by:
        return None
    seconds = now - batch.lease.start_by
    return LeftAlone(f"started {seconds:.0f} s too late: the message is, or soon will be, somebody else's")
