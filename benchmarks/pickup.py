"""How soon does a task start if messages come now and then, and for which price? By the sandbox.

Messages come a little less far apart than said, at random. The price is that of a month like this: of the
consumer and of its calls to SQS, without that of the tasks.
"""

from __future__ import annotations

import argparse
from random import Random
from typing import Any, NamedTuple

from benchmarks.figures import table
from benchmarks.template import default
from consumer.summary import Summary
from zigzag import task
from zigzag_operate.cost.model import Setup, idle_month, month_of_ticks
from zigzag_testing import Sandbox
from zigzag_testing.consumers import SCHEDULED

APART_SECONDS = (5, 10, 60)
MESSAGES = 200
WAYS: dict[str, dict[str, Any]] = {
    "LingerSeconds=0": {},
    "LingerSeconds=10": {"linger_seconds": 10},
    "WatchAlways=true": {"watch_always": True},
}


class Pickup(NamedTuple):
    """The delays of starts, in seconds, and the price of the month, in USD."""

    mean: float
    slowest_hundredth: float
    price: float


class _Timed(Sandbox):
    """A sandbox that adds up the time of its ticks, in seconds, and counts their calls to SQS."""

    seconds = 0.0
    calls = 0

    async def _one_tick(self, event: object = SCHEDULED) -> Summary | None:
        began = self.clock.now()
        summary = await super()._one_tick(event)
        self.seconds += self.clock.now() - began
        self.calls += 1 + (summary.polls if summary else 0)  # the in-flight count, and the polls
        return summary


def pickup(apart_seconds: float, **ways: Any) -> Pickup:
    """Returns how soon tasks start, and for which price, if a message comes every so often."""
    random, sent, delays = Random(0), dict[int, float](), list[float]()

    @task
    def note(payload: dict[str, int]) -> None:
        delays.append(sandbox.clock.now() - sent[payload["number"]])

    with _Timed({"note": note}, in_flight_cap=int(default("InFlightCap")), **ways) as sandbox:
        for number in range(MESSAGES):
            sent[number] = sandbox.clock.now()
            note.send({"number": number})
            sandbox.run_for(apart_seconds * random.uniform(0.9, 1))
        sandbox.run_for(60)
        ticks = len(sandbox.fired)
    cost = month_of_ticks(sandbox.seconds / ticks, sandbox.calls / ticks, Setup())
    delays.sort()
    return Pickup(sum(delays) / len(delays), delays[len(delays) * 99 // 100], cost.total)


def rows() -> list[tuple[str, ...]]:
    """Returns the lines of the table: how far apart messages are, then each way's answer."""
    found = [
        (f"a message each {apart} s", *(_told(pickup(apart, **way)) for way in WAYS.values()))
        for apart in APART_SECONDS
    ]
    idle = [idle_month(Setup(watch_always="watch_always" in way)).total for way in WAYS.values()]
    return [*found, ("no message", *(f"${price:.2f}" for price in idle))]


def _told(one: Pickup) -> str:
    return f"{one.mean:.1f} s, {one.slowest_hundredth:.1f} s, ${one.price:.2f}"


def head() -> tuple[str, ...]:
    return ("messages", *WAYS)


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m benchmarks.pickup", description=__doc__).parse_args()
    print(table(head(), rows()))
