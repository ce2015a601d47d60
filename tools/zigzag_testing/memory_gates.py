"""The gates in memory: the `Gates` port for tests.

It passes the same contract suite as the adapter on DynamoDB (`tests/contract`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import inf
from typing import Any

from shared.ports.auto import CUT, FASTEST, REFUSED, SLOWEST, TOOK, Auto, Cut
from shared.ports.breaker import (
    BEGUN,
    FAILING,
    LAST,
    LONGEST,
    OPENED,
    QUIET_SECONDS,
    SHUT_UNTIL,
    SINCE,
    TRIP,
)
from shared.ports.gates import AT_ONCE, BURST, EVERY, HELD, NEXT, PAUSED, REV, Gate, Rate, Taking, gate_of


class MemoryGates:
    """Gates by the names of their queues. `attributes` has those of each, and may be changed by hand."""

    def __init__(self) -> None:
        self.attributes: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._read: dict[str, tuple[dict[str, Any], Gate]] = {}

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        return {queue: self._gate(queue) for queue in queues}

    def _gate(self, queue: str) -> Gate:
        """Returns the gate as it is. While its attributes stay the same, they are read once: consumers look
        at it each second."""
        attributes = self.attributes[queue]
        before, gate = self._read.get(queue, (None, None))
        if gate is None or before != attributes:
            gate = gate_of(attributes)
            held = {HELD: dict(attributes[HELD])} if isinstance(attributes.get(HELD), dict) else {}
            self._read[queue] = {**attributes, **held}, gate
        return gate

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        attributes = self.attributes[queue]
        held = self._held(queue)
        mine = attributes.get(REV, rev) == rev and PAUSED not in attributes
        if mine := mine and all(held.get(name) == until for name, until in taking.dead.items()):
            attributes[REV] = rev + 1.0
            if taking.next is not None:
                attributes[NEXT] = taking.next
            for name in taking.dead:
                del held[name]
            held |= taking.takes
            if taking.shut_until is not None:
                attributes[SHUT_UNTIL] = taking.shut_until
            if taking.every is not None:
                attributes[EVERY] = taking.every * 1000
        return mine, gate_of(attributes)

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        held = self._held(queue)
        if held.get(permit, -inf) >= now:
            del held[permit]
            held[own] = until
        return own in held

    async def renew(self, queue: str, own: str, until: float) -> bool:
        held = self._held(queue)
        if own in held:
            held[own] = until
        return own in held

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        for name in permits:
            self._held(queue).pop(name, None)

    async def pause(self, queue: str, now: float) -> None:
        self.attributes[queue].setdefault(PAUSED, now)

    async def resume(self, queue: str, now: float) -> None:
        attributes = self.attributes[queue]
        if FAILING in attributes:
            attributes[OPENED] = now
        for name in (PAUSED, FAILING, SHUT_UNTIL, SINCE, LAST, BEGUN):
            attributes.pop(name, None)

    async def limit(self, queue: str, rate: Rate | None, auto: Auto | None = None) -> None:
        attributes = self.attributes[queue]
        for name in (EVERY, BURST, NEXT, SLOWEST, FASTEST, REFUSED, CUT, TOOK):
            attributes.pop(name, None)
        attributes[REV] = attributes.get(REV, 0.0) + 1
        if rate is not None:
            attributes |= {EVERY: rate.every * 1000.0, BURST: float(rate.burst)}
        if rate is not None and auto is not None:
            attributes[REFUSED] = rate.every * 1000.0
            attributes |= {SLOWEST: auto.slowest * 1000.0, FASTEST: auto.fastest * 1000.0}

    async def unavailable(self, queue: str, message: str, now: float, until: float | None) -> Gate:
        attributes = self.attributes[queue]
        breaker = gate_of(attributes).breaker
        if attributes.get(LAST, inf) < now - QUIET_SECONDS and not breaker.is_shut(now):
            for name in breaker.old(now):
                attributes.pop(name, None)
        attributes.setdefault(BEGUN, now)
        attributes[FAILING] = attributes.get(FAILING, frozenset()) | {message}
        if until is not None:
            attributes[SHUT_UNTIL] = until
        if gate_of(attributes).breaker.has_enough(now):
            attributes.setdefault(SINCE, now)
            attributes[LAST] = now
        return gate_of(attributes)

    async def cut(self, queue: str, cut: Cut) -> bool:
        attributes = self.attributes[queue]
        if SLOWEST not in attributes or attributes.get(CUT, 0.0) != cut.seen:
            return False
        attributes |= {
            EVERY: cut.every * 1000,
            REFUSED: cut.refused * 1000,
            CUT: cut.at,
            TOOK: cut.took * 1000,
        }
        attributes[REV] = attributes.get(REV, 0.0) + 1
        return True

    async def succeeded(self, queue: str, now: float, received_at: float) -> None:
        attributes = self.attributes[queue]
        breaker = gate_of(attributes).breaker
        if not breaker.failing or not breaker.believes(received_at, now):
            return
        for name in (FAILING, SHUT_UNTIL, BEGUN):
            attributes.pop(name, None)
        if breaker.has_enough(now):
            attributes[OPENED] = now

    async def break_at(self, queue: str, trip: int | None, longest: float | None) -> None:
        rule = {name: float(value) for name, value in ((TRIP, trip), (LONGEST, longest)) if value is not None}
        self.attributes[queue] |= rule
        for name in () if rule else (TRIP, LONGEST):
            self.attributes[queue].pop(name, None)

    async def cap(self, queue: str, at_once: int | None) -> None:
        attributes = self.attributes[queue]
        attributes.pop(AT_ONCE, None)
        attributes[REV] = attributes.get(REV, 0.0) + 1
        if at_once is not None:
            attributes[AT_ONCE] = float(at_once)
            attributes.setdefault(HELD, {})

    def _held(self, queue: str) -> dict[str, float]:
        """Returns the held permits. Without a cap, changes of the result are lost."""
        held: dict[str, float] = self.attributes[queue].get(HELD, {})
        return held


def operated(gates: MemoryGates | None) -> MemoryGates:
    """Returns the sandbox's gates. Raises ValueError if it has none."""
    if gates is None:
        raise ValueError("the flow of this sandbox is not controlled: make it with flow_control=True")
    return gates
