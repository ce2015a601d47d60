"""Reads ticks: how much they received, of which other lines have to tell, and the limits that they saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.ports.gates import AT_ONCE
from zigzag_operate.audit.runs import number

_TICK_SECONDS = 90
"""A tick takes no longer."""

_TRIES = 2
"""Most messages that a tick receives from a shut queue to try: one a minute."""


class Receives:
    """The receives of ticks, and those of which lines of messages tell.

    since -- when the window begins: what an earlier tick received may have its lines before it.
    grace -- seconds for which each tick is kept by itself.
    """

    def __init__(self, since: float, grace: float) -> None:
        self._from, self._grace = since + _TICK_SECONDS, grace
        self._ticks: list[tuple[float, int]] = []  # the first one is the sum of all before
        self.told = 0

    def tick(self, at: float, received: int) -> None:
        if at >= self._from:
            self._ticks.append((at, received))
        while len(self._ticks) > 1 and self._ticks[1][0] < at - self._grace:
            sooner = self._ticks.pop(0)[1]
            self._ticks[0] = (self._ticks[0][0], self._ticks[0][1] + sooner)

    def untold(self, before: float) -> int:
        """Returns how many receives before that time no line tells of, at least."""
        return max(0, sum(received for at, received in self._ticks if at < before) - self.told)


def limits_in(said: Mapping[str, Any]) -> dict[str, Mapping[str, Any]] | None:
    """Returns the limits of each queue in a tick's line, or None if it saw none."""
    limits = said.get("limits")
    if not isinstance(limits, dict):
        return None
    return {str(queue): _numbers(limit) for queue, limit in limits.items() if isinstance(limit, dict)}


def _numbers(limit: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the figures of a limit: any other value is not known, and not judged."""
    told = {name: number(limit, name) for name in limit}
    least = {AT_ONCE: 0}
    return {name: one for name, one in told.items() if one is not None and one >= least.get(name, 1e-9)}


def most_received(cap: int | None, limits: Mapping[str, Any] | None, queues: int) -> int | None:
    """Returns how many messages a tick may receive by its in-flight cap, or None if that does not tell.

    limits -- those that the tick saw, of any queue; None without gates. A shut queue's tries come on top.
    """
    if cap is None or any(AT_ONCE in limit for limit in (limits or {}).values()):
        return None
    tries = 0 if limits is None else _TRIES * max(1, queues)
    return tries + (cap if queues < 2 else 2 * cap)
