"""Chains of tasks that are killed at every step of their workers, in worlds with faults of their own.

    python -m tests.promises.hostile.killed [--runs 100000] [--seed 0]

Goes on until so many runs were killed, prints what was judged, and returns 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple, cast

from tests.promises.hostile.following import TASKS, FollowingWorld

from shared.ports.records import RecordsError
from zigzag_testing.faults import KINDS, OF_A_WIDER_WORLD, PROCESS, Crash
from zigzag_testing.outages import HOWS, SERVICES, Outage

FAULTS = [kind for kind in (*KINDS, *OF_A_WIDER_WORLD) if not kind.startswith("crash")]

STEPS_OF_A_TASK = 25
"""More than a chain has, for each of its tasks."""

STEPS = {"plain": 7, "once": 14, "booked": 15, "told": 15, "stored": 10}
"""About as many as a task has on a standard queue; on a FIFO queue two more."""

DOES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"rejects": True},
    {"rejects": True},
    {"fails": 1},
    {"fails": 9},
)


class Drawn(NamedTuple):
    """A chain of tasks, and its world.

    lost    -- whether the worker is killed after the loss of an answer.
    losing  -- whether each chain is sent twice, and every second worker loses its record.
    exactly -- whether the kill is the only fault.
    """

    chain: list[str]
    does: dict[str, Any]
    options: dict[str, Any]
    outages: list[tuple[Any, ...]]
    lost: bool
    losing: bool

    @property
    def steps(self) -> int:
        """About as many steps as the chain has."""
        each = sum(STEPS[name] + 2 * self.options["fifo"] for name in self.chain)
        steps = each + 12 * ("rejects" in self.does) + 5 * ("fails" in self.does)
        return steps // 3 + 1 if self.lost else steps

    @property
    def exactly(self) -> bool:
        return not (self.options["faults"] or self.outages or self.lost or self.losing)


def draw(seed: int) -> Drawn:
    """Draws a chain and its world."""
    random = Random(f"{seed} killed")
    losing = seed % 16 == 7
    chain = random.choices(TASKS, k=random.randint(1, 3))
    if losing and chain[0] in ("plain", "stored"):  # without a record
        chain[0] = "once"
    sound = seed % 4 != 3
    options: dict[str, Any] = {
        "faults": {} if sound else {kind: random.choice([0.0, 0.0, 0.03, 0.2]) for kind in FAULTS},
        "seed": seed,
        "fifo": not losing and random.random() < 0.5,
        "trigger": "schedule" if sound else random.choice(["schedule", "schedule", "schedule", "events"]),
        "worker_timeout_seconds": 900 if losing else 300,
        "count_late_seconds": random.choice([0.0, 60.0]),
    }
    outages = []
    while not sound and random.random() < 0.3:
        began, lasts = random.uniform(0, 600), 10 ** random.uniform(1, 3.3)
        outages.append((random.choice(SERVICES), random.choice(HOWS), began, began + lasts, 0.5))
    does = {"seconds": 200} if losing else random.choice(DOES)
    return Drawn(chain, does, options, outages, not losing and random.random() < 0.3, losing)


class Killed:
    """Kills a worker of each chain at one of its workers' steps, which are counted: before and after each
    call, and in each task.

    lost     -- only answers are counted: that one is lost although its call took effect, and the worker is
                killed at its next step.
    struck   -- the chains that had so many steps; `happened`, those of which a worker was killed.
    """

    def __init__(self, world: FollowingWorld, *, lost: bool = False) -> None:
        self.struck, self.happened = set[int](), set[int]()
        self._world, self._lost = world, lost
        self._left: dict[int, int] = {}
        self._origins: dict[int, int] = {}
        workers, faults = world.sandbox.workers, cast("Any", world.sandbox.faults)
        self._work, workers._handler = workers._handler, self._works
        self._lose, faults.lose = faults.lose, self._lose_it
        world.at = faults.before = faults.after = self._step

    def at(self, origin: int, step: int) -> None:
        """Has a worker of this chain, with a message a batch, be killed at this step, from 1."""
        self._left[origin] = step

    async def _works(self, event: Any, seconds_left: Callable[[], float]) -> Any:
        said = re.search(r'origin\\*": ?(\d+)', json.dumps(event))
        self._origins[PROCESS.get()] = -1 if said is None else int(said[1])
        return await self._work(event, seconds_left)

    def _lose_it(self) -> tuple[bool, bool]:
        return (True, True) if self._lost and self._is_it() else self._lose()

    def _step(self) -> None:
        origin = self._origins.get(PROCESS.get(), -1)
        if origin not in self.happened and (origin in self.struck if self._lost else self._is_it()):
            self.happened.add(origin)
            self._world.torn |= {
                step for step, process in self._world.open.items() if process == PROCESS.get()
            }
            self._world.killed.add(PROCESS.get())
            raise Crash

    def _is_it(self) -> bool:
        origin = self._origins.get(PROCESS.get(), -1)
        if origin not in self._left:
            return False
        self._left[origin] -= 1
        if it := self._left[origin] == 0:
            self.struck.add(origin)
        return it


def live(drawn: Drawn, counts: Counter[str]) -> list[str]:
    """Lives a world of such chains, each of which is killed at another step. Returns what is broken."""
    world = FollowingWorld(**drawn.options)
    began = world.sandbox.clock.now()
    for service, how, first, last, share in drawn.outages:
        world.sandbox.faults.outages.plan([Outage(service, how, began + first, began + last, share)])
    if drawn.losing:
        _lose_every_second_record(world)
    killed = Killed(world, lost=drawn.lost)
    for step in range(1, drawn.steps + 1):
        group = f"g{step}" if drawn.options["fifo"] else None
        killed.at(world.send(*drawn.chain, group=group, times=1 + drawn.losing, **drawn.does), step)
    world.sandbox.run_for(drawn.options["worker_timeout_seconds"] / 3)
    world.run_to_the_end()
    runs = len(killed.happened)
    counts["runs killed"] += runs
    counts["  of them, with no other fault"] += runs * drawn.exactly
    counts["  of them, after the loss of an answer"] += runs * drawn.lost
    counts["  of them, with a redrive"] += runs * ("rejects" in drawn.does)
    for step, name in world.names.items():
        if step[0] in killed.happened:
            counts[f"effects of {name}"] += 1
            counts[f"  twice, of {name}"] += world.ended[step] > 1
            counts[f"  torn, of {name}"] += step in world.torn
    counts["workers that lost their record"] += len(world.lost)
    counts["replies"] += len(world.sandbox.replies)
    broken = world.wrong + (world.excused if drawn.exactly else [])
    world.wrong, world.excused = [], []  # else each chain would tell them
    for origin in {one[0] for one in world.names}:
        broken += world.broken(origin, exactly=drawn.exactly)
    world.sandbox.__exit__()
    return broken


def _lose_every_second_record(world: FollowingWorld) -> None:
    """Has the table take no heartbeat of every second worker: so another worker gets its run."""
    extend = world.sandbox.records.extend

    async def of_half(key: str, owner: str, until: float) -> bool:
        if int(owner, 16) % 2:
            raise RecordsError("away")
        return await extend(key, owner, until)

    world.sandbox.records.extend = of_half  # type: ignore[method-assign]


def main() -> int:
    """Lives worlds until so many runs were killed. Returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first world; each next has the next")
    asked = parser.parse_args()
    logging.disable()
    counts, found, seed = Counter[str](), 0, asked.seed
    while counts["runs killed"] < asked.runs:
        for one in live(draw(seed), counts):
            found += 1
            print(f"seed {seed}: {one}", flush=True)
        seed += 1
    print(f"seeds {asked.seed} to {seed - 1}: {found} promises broken")
    for name, count in counts.items():
        print(f"{name:40} {count:10,}")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
