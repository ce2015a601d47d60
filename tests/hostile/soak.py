"""`make soak`: millions of messages through hostile worlds, each with its own seed, each judged by its trail.

    python -m tests.hostile.soak [--wide] [--go-on] [--messages 1000000] [--seed 0] [--processes 2]

Prints what struck how often, and stops with the seed of the first world that broke a promise: the same
seed has the same bad day again. `--wide` has the wider worlds, where faults last (`wide.py`).
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.hostile import promises, wide
from tests.hostile.wide_promises import JUDGES
from tests.hostile.world import HostileWorld

from zigzag_testing.faults import KINDS, OF_A_WIDER_WORLD
from zigzag_testing.outages import OUTAGES

MESSAGES_A_WORLD = 1_000
RATES = (0.0, 0.01, 0.05)
OFTEN = {"event late", "old event kept", "clock off", "call slow"}
DOUBLES_OR_LOSES_LEASES = {"event doubled", "call failed", "call's answer lost", "entry failed"}


@dataclass(frozen=True)
class Judged:
    """One world: what it was, what happened, and the promise that it broke, if one."""

    seed: int
    messages: int
    starts: int
    dead: int
    struck: Counter[str]
    broken: str | None


def judge(seed: int) -> Judged:
    """One world from its seed."""
    logging.disable(logging.CRITICAL)
    random = Random(seed)
    calm = random.random() < 0.5  # then leases hold, and more is promised
    kinds = [kind for kind in KINDS if not (calm and kind in DOUBLES_OR_LOSES_LEASES)]
    rates = {kind: random.choice((0.0, 0.2) if kind in OFTEN else RATES) for kind in kinds}
    fifo = random.random() < 0.4
    world = HostileWorld(
        rates,
        seed=seed,
        fifo=fifo,
        concurrency=random.choice([None, 20, 50]),
        batch_size=random.choice([1, 3, 10]),
        in_flight_cap=random.choice([0, 0, 200]),
        linger_seconds=random.choice([0, 0, 0, 70]),
        worker_timeout_seconds=random.choice([60, 900]),
        superseded_handles_act=random.random() < 0.5,
    )
    broken = None
    try:
        _live(world, random)
        _judge(world, calm)
    except (AssertionError, TimeoutError) as error:
        broken = str(error)
    starts = sum(len(life.starts) for life in world.trail.lives)
    dead = len(world.sandbox.dead_letters)
    struck = world.sandbox.faults.struck
    world.close()
    return Judged(seed, len(world.trail.lives), starts, dead, struck, broken)


def _live(world: HostileWorld, random: Random) -> None:
    while len(world.trail.sent) < MESSAGES_A_WORLD:
        for _ in range(random.randint(1, 100)):
            _send(world, random)
        world.sandbox.run_for(60 * random.randint(1, 4))
        if random.random() < 0.1:
            world.sandbox.redrive()
    world.settle_down(redrives=random.random() < 0.25)


def _send(world: HostileWorld, random: Random) -> None:
    if random.random() < 0.02:
        world.send_bad()
        return
    does: dict[str, Any] = {"seconds": random.choice([0, 0, 0, 0, 0, 0, 0, 1, 5, 10, 50, 200, 500])}
    fate = random.random()
    if fate < 0.15:
        does["fails"] = random.choice([1, 2, 3, 4, 99])
    elif fate < 0.2:
        does["crashes"] = random.choice([1, 2, 3, 4, 99])
    elif fate < 0.25:
        does["rejects"] = random.choice([1, 99])
    group = f"group-{random.randint(1, 30)}" if world.fifo else None
    name = random.choice(["plain", "once", "by_key"])
    times = random.choice([2, 3]) if name != "plain" and random.random() < 0.2 else 1
    world.send(name, group=group, times=times, **does)


def _judge(world: HostileWorld, calm: bool) -> None:
    promises.check_every_message_ended(world)
    promises.check_dead_letters_were_tried(world)
    promises.check_no_start_too_many(world)
    promises.check_nothing_done_is_repeated(world)
    promises.check_nothing_is_hot(world)
    promises.check_nothing_overlaps(world, plain=calm)
    if calm:
        promises.check_order_in_groups(world)


def judge_wide(seed: int) -> Judged:
    """One wider world from its seed."""
    return _told(wide.judge(wide.draw(seed), JUDGES))


def _told(judged: wide.Judged) -> Judged:
    broken = "".join(f"\n  {name}: {what}" for name, what in judged.broken.items()) or None
    return Judged(judged.drawn.seed, judged.lives, judged.starts, judged.dead, judged.struck, broken)


def main() -> int:
    """Runs worlds until enough messages went through; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wide", action="store_true", help="wider worlds")
    parser.add_argument("--go-on", action="store_true", help="after a promise that was broken")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first world; each next has the next")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    began, seeds = time.monotonic(), itertools.count(asked.seed)
    lives = judge_wide if asked.wide else judge
    judged: list[Judged] = []
    with ProcessPoolExecutor(asked.processes) as pool:
        running = {pool.submit(lives, next(seeds)) for _ in range(2 * asked.processes)}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                judged.append(future.result())
                if judged[-1].broken is not None:
                    print(f"seed {judged[-1].seed} broke a promise: {judged[-1].broken}", flush=True)
                    if not asked.go_on:
                        pool.shutdown(cancel_futures=True)
                        return 1
                if sum(one.messages for one in judged) < asked.messages:
                    running.add(pool.submit(lives, next(seeds)))
    _say(judged, asked.seed, time.monotonic() - began)
    return int(any(one.broken for one in judged))


def _say(judged: list[Judged], seed: int, seconds: float) -> None:
    messages, starts, dead = (
        sum(one) for one in zip(*((one.messages, one.starts, one.dead) for one in judged), strict=True)
    )
    broken = sum(one.broken is not None for one in judged)
    struck = sum((one.struck for one in judged), Counter[str]())
    print(f"{messages:,} messages in {len(judged):,} worlds, seeds from {seed}, {seconds:,.0f} s")
    print(f"{starts:,} starts, {dead:,} dead letters, {broken} worlds broke a promise; faults that struck:")
    for kind in (*KINDS, *OF_A_WIDER_WORLD, *OUTAGES):
        print(f"  {struck[kind]:>10,}  {kind}")


if __name__ == "__main__":
    sys.exit(main())
