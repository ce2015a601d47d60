"""Chooses the slots that may be taken now: a rate gives one every so many seconds, and a burst after a rest.

It is GCRA, the generic cell rate algorithm: a slot is at least `every` behind the one before it, and none is
older than a burst. So at most T / every + burst of them may be used within any T seconds. A rate that finds
itself grows with each slot.
"""

from __future__ import annotations

from collections.abc import Sequence

from consumer.flow.flow import Slot
from shared.ports.gates import Gate, Rate

AHEAD_SECONDS = 1.0
"""Time by which a slot may be taken ahead, so that one receive brings the messages of a second."""

LATE_SECONDS = 2.0
"""Time by which a worker may start late, or one `every` if that is longer. Cold starts take less. Events that
Lambda delays for longer would start all at once, in addition to those of later slots."""

REST_SECONDS = 1.0
"""A rate is in use if slots are taken without a longer rest between them, or a tenth of the time from slot to
slot. If it is not, nothing shows that the service would take more."""


def slots_of(gate: Gate, rate: Rate, now: float, want: int) -> tuple[Slot, ...]:
    """Returns the next slots, at most `want`, and none more than AHEAD_SECONDS ahead."""
    first = max(gate.next, now - (rate.burst - 1) * rate.every)
    times = [first + number * rate.every for number in range(want)]
    return tuple(
        Slot(at, max(at, now) + max(LATE_SECONDS, rate.every)) for at in times if at <= now + AHEAD_SECONDS
    )


def every_after(gate: Gate, slots: Sequence[Slot], now: float) -> float | None:
    """Returns the seconds from slot to slot after these are taken, or None if they do not change."""
    if gate.rate is None or gate.auto is None or gate.breaker.failing:
        return None
    every, rest = gate.rate.every, now - gate.next
    if rest > max(REST_SECONDS, every / 10):
        return gate.auto.rested(every, rest)
    return gate.auto.grown(every, len(slots))
