"""Hostile worlds whose queue has a limit, where any call fails at times, and ticks and workers come late."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from tests.promises.hostile.trail import Start
from tests.promises.hostile.world import HostileWorld

from shared.ports.gates import Rate

FAULTS = {
    "firing doubled": 0.3,
    "receive failed": 0.05,
    "call failed": 0.03,
    "call's answer lost": 0.03,
    "call slow": 0.03,
    "crash before a call": 0.005,
    "crash after a call": 0.005,
    "event late": 0.3,
    "event dropped": 0.05,
    "invoke throttled": 0.03,
}


class LimitedWorld(HostileWorld):
    """A hostile world with a limit, and messages whose tasks take no time."""

    def __init__(
        self,
        faults: Mapping[str, float],
        *,
        rate: Rate | None = None,
        at_once: int | None = None,
        messages: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(faults, flow_control=True, **options)
        self.sandbox.limit(*(rate or (None,)))
        self.sandbox.limit_at_once(at_once)
        for _ in range(messages):
            self.send("plain")

    def starts(self) -> list[Start]:
        return [start for life in self.trail.lives for start in life.starts]

    def began(self) -> list[float]:
        """Returns the time when each worker began that ran a task, in order."""
        ran = {start.process for start in self.starts()}
        return sorted(at for process, at in self.trail.began.items() if process in ran)


def most_within(began: Sequence[float], seconds: float) -> int:
    """Returns how many of these times, which are in order, are within so many seconds, at most."""
    return max(bisect_right(began, at + seconds) - number for number, at in enumerate(began))
