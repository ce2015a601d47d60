"""Chooses the permits that may be taken now. An exact cap is a number of permits, and each running task holds
one.

A permit ends by itself unless its holder renews it in time, so none is lost for good. The consumer takes it
before a receive, and the dispatch carries its name. The worker claims it before any of the task's code,
renews it like the lease, and gives it back when all is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from math import inf
from random import Random

from consumer.flow.flow import Slot
from consumer.flow.slots import every_after, slots_of
from shared.lease import BEAT_EVERY_SECONDS, EVENT_AGE_SECONDS, PERMIT_SECONDS, SAFETY_SECONDS
from shared.ports.breaker import PROBE_SECONDS
from shared.ports.gates import Gate, Taking

MAX_DEAD = 10
"""Most expired permits that are removed from a gate at once."""

LATE_BEAT_SECONDS = 10.0
"""Time by which a renewal may be late."""

CLAIM_SECONDS = EVENT_AGE_SECONDS + SAFETY_SECONDS / 2
"""Least time that a permit must last when a message gets it: Lambda may start the worker late."""


def names_of(random: Random, many: int) -> list[str]:
    """Returns the names of new permits. They are short, since DynamoDB charges for the bytes of a write."""
    return [f"{random.getrandbits(32):08x}" for _ in range(many)]


def limits_of(gate: Gate) -> tuple[object, ...]:
    """Returns the limits that an operator has set: a rate that finds itself is not one, its bounds are."""
    rate = gate.rate if gate.auto is None else (gate.auto.slowest, gate.auto.fastest)
    return rate, gate.at_once


def open_slots(gate: Gate, names: Sequence[str], now: float, swap_seconds: float = 0.0) -> tuple[Slot, ...]:
    """Returns the slots that may be taken now, each with a permit if the queue has a cap. While the breaker
    is shut, it is one a minute.

    names        -- names for as many permits as slots are wanted.
    swap_seconds -- time that the take needs: a slot must still be good after it.
    """
    probe = gate.breaker.is_shut(now)
    want = min(len(names), int(gate.breaker.shut_until <= now)) if probe else len(names)
    if gate.at_once is not None:
        want = max(0, min(want, gate.at_once - len(gate.held) + len(dead_of(gate, now))))
    slots = (
        (Slot(now, inf),) * want if gate.rate is None else slots_of(gate, gate.rate, now + swap_seconds, want)
    )
    slots = tuple(slot._replace(probe=probe, taken_at=now, limits=limits_of(gate)) for slot in slots)
    if gate.at_once is None:
        return slots
    until = round(now + PERMIT_SECONDS, 3)
    start_by = until - SAFETY_SECONDS / 2
    return tuple(
        slot._replace(start_by=min(slot.start_by, start_by), permit=name, held_until=until)
        for slot, name in zip(slots, names, strict=False)
    )


def dead_of(gate: Gate, now: float) -> dict[str, float]:
    """Returns the permits that have expired, as they were read."""
    dead = ((name, until) for name, until in gate.held.items() if until < now)
    return dict(islice(dead, MAX_DEAD))


def overdue_in(gate: Gate, now: float) -> bool:
    """Returns whether a permit is overdue for its renewal. Its worker may be dead, and it ends soon."""
    least = now + PERMIT_SECONDS - BEAT_EVERY_SECONDS - LATE_BEAT_SECONDS
    return any(until < least for until in gate.held.values())


def taking_of(gate: Gate, slots: Sequence[Slot], now: float) -> Taking:
    """Returns the change of the gate that takes these slots."""
    every = every_after(gate, slots, now)
    next = None if gate.rate is None else slots[-1].at + (every or gate.rate.every)
    takes = {slot.permit: slot.held_until for slot in slots if slot.permit}
    shut_until = now + PROBE_SECONDS if slots[0].probe else None
    return Taking(next, takes, dead_of(gate, now) if takes else {}, shut_until, every)
