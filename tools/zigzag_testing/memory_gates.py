"""The gates in memory: the `Gates` port for tests.

It passes the same contract suite as the adapter on DynamoDB (`tests/contract`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from shared.ports.gates import PAUSED, Gate, gate_of


class MemoryGates:
    """Gates by the names of their queues; `attributes` has those of each, to be written by hand as well."""

    def __init__(self) -> None:
        self.attributes: defaultdict[str, dict[str, Any]] = defaultdict(dict)

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        return {queue: gate_of(self.attributes[queue]) for queue in queues}

    async def pause(self, queue: str, now: float) -> None:
        self.attributes[queue].setdefault(PAUSED, now)

    async def resume(self, queue: str) -> None:
        self.attributes[queue].pop(PAUSED, None)


def operated(gates: MemoryGates | None) -> MemoryGates:
    """The gates, if there are some. Raises ValueError."""
    if gates is None:
        raise ValueError("the flow of this sandbox is not controlled: make it with flow_control=True")
    return gates
