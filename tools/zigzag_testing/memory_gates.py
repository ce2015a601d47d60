"""The gates in memory: the `Gates` port for tests.

It passes the same contract suite as the adapter on DynamoDB (`tests/contract`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from shared.ports.gates import BURST, EVERY, NEXT, PAUSED, REV, Gate, Rate, gate_of


class MemoryGates:
    """Gates by the names of their queues; `attributes` has those of each, to be written by hand as well."""

    def __init__(self) -> None:
        self.attributes: defaultdict[str, dict[str, Any]] = defaultdict(dict)

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        return {queue: gate_of(self.attributes[queue]) for queue in queues}

    async def swap(self, queue: str, rev: int, next: float) -> tuple[bool, Gate]:
        attributes = self.attributes[queue]
        mine = attributes.get(REV, rev) == rev and PAUSED not in attributes
        if mine:
            attributes |= {REV: rev + 1.0, NEXT: next}
        return mine, gate_of(attributes)

    async def pause(self, queue: str, now: float) -> None:
        self.attributes[queue].setdefault(PAUSED, now)

    async def resume(self, queue: str) -> None:
        self.attributes[queue].pop(PAUSED, None)

    async def limit(self, queue: str, rate: Rate | None) -> None:
        attributes = self.attributes[queue]
        for name in (EVERY, BURST, NEXT):
            attributes.pop(name, None)
        attributes[REV] = attributes.get(REV, 0.0) + 1
        if rate is not None:
            attributes |= {EVERY: rate.every * 1000.0, BURST: float(rate.burst)}


def operated(gates: MemoryGates | None) -> MemoryGates:
    """The gates, if there are some. Raises ValueError."""
    if gates is None:
        raise ValueError("the flow of this sandbox is not controlled: make it with flow_control=True")
    return gates
