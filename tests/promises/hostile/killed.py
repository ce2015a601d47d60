"""Chains of tasks, each killed at every step of its workers, in a world with faults of its own.

    python -m tests.promises.hostile.killed [--runs 100000] [--seed 0]

Goes on until so many runs were killed, prints what was judged, and returns 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
from collections import Counter
from random import Random
from typing import Any, NamedTuple

from tests.promises.hostile.following import TASKS, FollowingWorld, Killed
from tests.promises.hostile.world import lose_the_first_record

from zigzag_testing.faults import KINDS, OF_A_WIDER_WORLD
from zigzag_testing.outages import HOWS, SERVICES, Outage

FAULTS = [kind for kind in (*KINDS, *OF_A_WIDER_WORLD) if not kind.startswith("crash")]

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
    losing  -- whether the chain is sent twice, and the first worker loses its record.
    exactly -- whether the kill is the only fault.
    """

    chain: list[str]
    does: dict[str, Any]
    options: dict[str, Any]
    outages: list[tuple[Any, ...]]
    lost: bool
    losing: bool

    @property
    def exactly(self) -> bool:
        return not (self.options["faults"] or self.outages or self.lost or self.losing)


def draw(seed: int) -> Drawn:
    """Draws a chain and its world."""
    random = Random(f"{seed} killed")
    losing = seed % 8 == 7
    chain = random.choices(TASKS, k=random.randint(1, 3))
    if losing and chain[0] == "plain":
        chain[0] = "once"
    sound = seed % 2 == 0
    options: dict[str, Any] = {
        "faults": {} if sound else {kind: random.choice([0.0, 0.0, 0.03, 0.2]) for kind in FAULTS},
        "seed": seed,
        "fifo": not losing and random.random() < 0.5,
        "batch_size": random.choice([1, 10]),
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


def killed_at(drawn: Drawn, at: int, counts: Counter[str]) -> list[str] | None:
    """Returns what a run that is killed at this step has broken; None if there is no such step."""
    world = FollowingWorld(**drawn.options)
    began = world.sandbox.clock.now()
    for service, how, first, last, share in drawn.outages:
        world.sandbox.faults.outages.plan([Outage(service, how, began + first, began + last, share)])
    if drawn.losing:
        lose_the_first_record(world.sandbox)
    killed = Killed(world, at, lost=drawn.lost)
    group = "g" if drawn.options["fifo"] else None
    origin = world.send(*drawn.chain, group=group, times=1 + drawn.losing, **drawn.does)
    world.sandbox.run_for(drawn.options["worker_timeout_seconds"] / 3)
    world.run_to_the_end()
    broken = world.broken(origin, exactly=drawn.exactly)
    world.sandbox.__exit__()
    if killed.happened:
        counts["runs killed"] += 1
        counts["  of them, with no other fault"] += drawn.exactly
        counts["  of them, after the loss of an answer"] += drawn.lost
        counts["workers that lost their record"] += len(world.lost)
        counts["replies"] += len({one.id for one in world.sandbox.replies})
        for step, name in world.names.items():
            counts[f"effects of {name}"] += min(1, world.ended[step])
            counts[f"  twice, of {name}"] += world.ended[step] > 1
            counts[f"  torn, of {name}"] += step in world.torn
    return broken if killed.struck else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first world; each next has the next")
    asked = parser.parse_args()
    logging.disable()
    counts, found = Counter[str](), 0
    for seed in itertools.count(asked.seed):
        drawn = draw(seed)
        for at in itertools.count(1):
            broken = killed_at(drawn, at, counts)
            for one in broken or ():
                found += 1
                print(f"seed {seed}, killed at {at}: {one}", flush=True)
            if broken is None or counts["runs killed"] >= asked.runs:
                break
        if counts["runs killed"] >= asked.runs:
            break
    print(f"seeds {asked.seed} to {seed}: {found} promises broken")
    for name, count in counts.items():
        print(f"{name:40} {count:10,}")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
