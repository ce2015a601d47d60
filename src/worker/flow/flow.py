"""The worker's part of a queue's flow: a batch's permit, and the queue's breaker."""

from __future__ import annotations

from random import Random

from shared.delivery import Batch
from shared.ports.clock import Clock
from shared.ports.gates import WorkedGates
from worker.flow.breaker import Breaker
from worker.flow.permit import Permit
from worker.host import Host


class WorkersFlow:
    """Makes the permits and the breaker of one queue.

    beats -- the gates for renewals, which send a call once.
    """

    def __init__(
        self, queue: str, gates: WorkedGates, beats: WorkedGates, clock: Clock, random: Random, host: Host
    ) -> None:
        self._of_a_permit = (queue, gates, beats, clock, random, host)
        self._breaker = Breaker(queue, gates, clock, random)

    def of(self, batch: Batch) -> tuple[Permit | None, Breaker]:
        """Returns the batch's permit, if its lease names one, and the queue's breaker."""
        name = "" if batch.lease is None else batch.lease.permit
        return Permit(name, *self._of_a_permit) if name else None, self._breaker
