"""Which slots may be taken now? A rate gives one each so many seconds; who rested may take a burst at once.

It is GCRA, the generic cell rate algorithm: a slot is at least `every` behind the one before it, and none is
older than a burst. So at most T / every + burst of them may be used within any T seconds.
"""

from __future__ import annotations

from consumer.flow.flow import Slot
from shared.ports.gates import Gate, Rate

AHEAD_SECONDS = 1.0
"""How far ahead a slot may be taken: so one receive brings the messages of a second."""

LATE_SECONDS = 2.0
"""How late a worker may start, or one `every` if that is longer. Cold starts take less; and what Lambda holds
back for longer would come all at once, on top of what is dispatched then."""


def slots_of(gate: Gate, rate: Rate, now: float, want: int) -> tuple[Slot, ...]:
    """The next ones, at most `want`; none that is more than AHEAD_SECONDS ahead."""
    first = max(gate.next, now - (rate.burst - 1) * rate.every)
    times = [first + number * rate.every for number in range(want)]
    return tuple(
        Slot(at, max(at, now) + max(LATE_SECONDS, rate.every)) for at in times if at <= now + AHEAD_SECONDS
    )
