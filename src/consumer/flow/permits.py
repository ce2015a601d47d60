"""Which permits may be taken now? With an exact cap there are so many, and who runs a task holds one.

A permit ends by itself, unless whoever holds it says in time that it goes on: so none is lost for good.
The consumer takes it before it receives; the dispatch carries its name; the worker makes it its own before
any of the task's code, renews it as it does its lease, and gives it back when all is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from math import inf
from random import Random

from consumer.flow.flow import Slot
from consumer.flow.slots import slots_of
from shared.lease import BEAT_EVERY_SECONDS, EVENT_AGE_SECONDS, PERMIT_SECONDS, SAFETY_SECONDS
from shared.ports.breaker import PROBE_SECONDS
from shared.ports.gates import Gate, Taking

MOST_DEAD = 10
"""So many permits that ran out are taken off a gate at once."""

LATE_BEAT_SECONDS = 10.0
"""A renewal may come so late."""

CLAIM_SECONDS = EVENT_AGE_SECONDS + SAFETY_SECONDS / 2
"""A permit that would end sooner goes with no message: Lambda may take its time to start a worker."""


def names_of(random: Random, many: int) -> list[str]:
    """New permits. Their names are short, since DynamoDB charges for each byte that is written."""
    return [f"{random.getrandbits(32):08x}" for _ in range(many)]


def open_slots(gate: Gate, names: Sequence[str], now: float, swap_seconds: float = 0.0) -> tuple[Slot, ...]:
    """Those that may be taken now, with a permit each where the queue has a cap; one a minute while the
    breaker is shut.

    names        -- of as many permits as slots are wanted.
    swap_seconds -- how long it takes to take them: a slot must not be over by then.
    """
    probe = gate.breaker.is_shut(now)
    want = min(len(names), int(gate.breaker.shut_until <= now)) if probe else len(names)
    if gate.at_once is not None:
        want = max(0, min(want, gate.at_once - len(gate.held) + len(dead_of(gate, now))))
    slots = (
        (Slot(now, inf),) * want if gate.rate is None else slots_of(gate, gate.rate, now + swap_seconds, want)
    )
    if gate.at_once is None:
        return tuple(slot._replace(probe=probe) for slot in slots)
    until = round(now + PERMIT_SECONDS, 3)
    start_by = until - SAFETY_SECONDS / 2
    both = zip(slots, names, strict=False)
    return tuple(Slot(at, min(by, start_by), name, until, probe) for (at, by, *_), name in both)


def dead_of(gate: Gate, now: float) -> dict[str, float]:
    """Permits that have run out, as they were seen."""
    dead = ((name, until) for name, until in gate.held.items() if until < now)
    return dict(islice(dead, MOST_DEAD))


def overdue_in(gate: Gate, now: float) -> bool:
    """Whether a permit should have been renewed a while ago. Perhaps its worker is dead, and it ends soon."""
    least = now + PERMIT_SECONDS - BEAT_EVERY_SECONDS - LATE_BEAT_SECONDS
    return any(until < least for until in gate.held.values())


def taking_of(gate: Gate, slots: Sequence[Slot], now: float) -> Taking:
    """What has to be written to take them."""
    next = None if gate.rate is None else slots[-1].at + gate.rate.every
    takes = {slot.permit: slot.held_until for slot in slots if slot.permit}
    shut_until = now + PROBE_SECONDS if slots[0].probe else None
    return Taking(next, takes, dead_of(gate, now) if takes else {}, shut_until)
