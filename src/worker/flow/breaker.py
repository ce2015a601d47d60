"""Tells a queue's breaker that a task found its service unavailable, or that one has succeeded again. Cuts
the queue's rate if that finds itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import Random

from shared import log
from shared.delivery import Batch, Delivery
from shared.lease import PROBE
from shared.ports.auto import Auto
from shared.ports.breaker import name_of
from shared.ports.clock import Clock
from shared.ports.gates import Gate, GatesError, WorkedGates
from worker.outcome import Released
from worker.raised import longest_asked, means_unavailable
from worker.result import FOUND, Report, Start
from zigzag.errors import MAX_AFTER_SECONDS

HIDDEN_SECONDS = (15, 60)
"""Bounds of the random wait of a message whose failure is no attempt."""

FIRST = "first"
"""The common name of all messages that were received before anybody said Unavailable. Their successes are not
told, so their failures count as one. The successes of later ones are told, and each failure counts."""

FREE_RECEIVES = 24
"""Receives of a message after which its Unavailable is an attempt, although its queue's rate may be too high.
Longer and longer waits make them last some six hours."""

MAX_HIDDEN_SECONDS = 900


class Breaker:
    """Tells the breaker of one queue."""

    def __init__(self, queue: str, gates: WorkedGates, clock: Clock, random: Random) -> None:
        self._queue = queue
        self._gates = gates
        self._clock = clock
        self._random = random

    async def excuse(self, error: BaseException, start: Start) -> Released | None:
        """Returns for how long the message is hidden, and why, if this is no attempt, as an excuse."""
        if not means_unavailable(error, start.attempt.policy.unavailable):
            return None
        delivery = start.delivery
        now, asked = self._clock.now(), longest_asked(error)
        after = 0.0 if asked is None else min(asked, MAX_AFTER_SECONDS)
        until = None if asked is None else now + after
        try:
            gate = await self._gates.unavailable(self._queue, _name_of(delivery), now, until)
        except GatesError as error:
            log.write(logging.WARNING, "the gate was not told what is unavailable", reason=error.reason)
            return None
        hidden = self._random.randint(*HIDDEN_SECONDS)
        if gate.breaker.is_shut(now):
            return Released(max(hidden, int(after)), "its queue is shut")
        if gate.auto is None:
            return None
        await self._cut(gate, gate.auto, delivery, now)
        if (receives := delivery.receive_count) > FREE_RECEIVES:
            return None
        hidden = min(hidden << max(0, receives - 1), MAX_HIDDEN_SECONDS)
        return Released(max(hidden, int(after)), "its queue's rate may be too high")

    async def _cut(self, gate: Gate, auto: Auto, delivery: Delivery, now: float) -> None:
        """Cuts the rate. A message that comes again and again cuts it seldom: it may fail by itself."""
        seldom = self._random.random() * delivery.receive_count**2 >= 1
        if gate.rate is None or delivery.lease is None or seldom:
            return
        cut = auto.cut_of(gate.rate.every, delivery.lease.received_at, now, gate.breaker.begun)
        if cut is None:
            return
        try:
            await self._gates.cut(self._queue, cut)
        except GatesError as error:  # the next refused start cuts it
            log.write(logging.WARNING, "a rate was not cut", reason=error.reason)

    async def tell(self, batch: Batch, reports: Sequence[Report]) -> None:
        """Tells that a task has succeeded, if the breaker is in doubt."""
        lease, now = batch.lease, self._clock.now()
        told = any(one.outcome == "succeeded" or one.reason == FOUND for one in reports)
        if lease is None or not lease.doubt or not told:
            return
        received_at = now if lease.doubt == PROBE else lease.received_at
        try:
            await self._gates.succeeded(self._queue, now, received_at)
        except GatesError as error:  # the next success tells it
            log.write(logging.WARNING, "the gate was not told of a success", reason=error.reason)


def _name_of(delivery: Delivery) -> str:
    """Returns the name by which the delivery counts. In a FIFO queue few messages run at a time, the first
    ones of their groups, so each try of one counts."""
    if delivery.lease is None or not delivery.lease.doubt:
        return FIRST
    again = f" {delivery.receive_count}" if delivery.from_fifo else ""
    return name_of(f"{delivery.message_id}{again}")
