"""`make soak`: millions of messages through wider worlds, each with its own seed, each judged by its trail.

    python -X no_debug_ranges -m tests.promises.hostile.soak
        [--go-on] [--messages 1000000] [--seed 0] [--processes 2]

Prints what struck how often, and stops with the seed of the first world that broke a promise: the same
seed has the same bad day again. A world with few messages lives long for them, and so does one that is
watched all the time: of these, one in eight is lived in. Without debug ranges a traceback parses no code.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import linecache
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing.queues import SimpleQueue

from tests.promises.hostile.wide import FEW, Drawn, Judged, draw, judge
from tests.promises.hostile.wide_promises import JUDGES

from zigzag_testing.faults import KINDS, OF_A_WIDER_WORLD, POISONED
from zigzag_testing.outages import OUTAGES

ONE_IN = 8
"""One in so many of the long worlds is lived in."""

SAY_EVERY_SECONDS = 300


def judged_world(seed: int) -> Judged:
    """Judges a world. Its options stay here: a schedule goes through no pipe between processes."""
    judged = judge(draw(seed), JUDGES)
    gc.collect()
    return replace(judged, drawn=replace(judged.drawn, options={}))


def chosen(seed: int) -> Iterator[int]:
    """Returns the seeds of the worlds that are lived in: that one, and those after it."""
    lived_in = (one for one in itertools.count(seed + 1) if one % ONE_IN == 0 or not _is_long(draw(one)))
    return itertools.chain([seed], lived_in)


def _is_long(drawn: Drawn) -> bool:
    return drawn.messages <= FEW or "watch_always" in drawn.options


def _settle_in(numbers: SimpleQueue[int]) -> None:
    """Keeps the process on a processor. The threads of a world take turns: on two processors each turn waits
    for the other one to wake up, on a busy machine for as long as the turn takes. Cycles are freed after
    each world. A traceback does not look whether its files have changed, which takes a fifth of the time."""
    gc.set_threshold(100_000, 50, 50)
    linecache.checkcache = lambda filename=None: None
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[numbers.get() % len(allowed)]})


def main() -> int:
    """Runs worlds until enough messages went through. Returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--go-on", action="store_true", help="after a promise that was broken")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first world")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    began, seeds = time.monotonic(), chosen(asked.seed)
    said_at = began
    judged: list[Judged] = []
    numbers: SimpleQueue[int] = multiprocessing.SimpleQueue()
    for number in range(asked.processes):
        numbers.put(number)
    with ProcessPoolExecutor(asked.processes, None, _settle_in, (numbers,)) as pool:
        running = {pool.submit(judged_world, next(seeds)) for _ in range(2 * asked.processes)}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                judged.append(future.result())
                if judged[-1].broken:
                    said = "".join(f"\n  {name}: {what}" for name, what in judged[-1].broken.items())
                    print(f"seed {judged[-1].drawn.seed} broke a promise: {said}", flush=True)
                    if not asked.go_on:
                        pool.shutdown(cancel_futures=True)
                        return 1
                lives, now = sum(one.lives for one in judged), time.monotonic()
                if now > said_at + SAY_EVERY_SECONDS:
                    said_at = now
                    print(f"{lives:,} messages in {len(judged):,} worlds, {now - began:,.0f} s", flush=True)
                if lives < asked.messages:
                    running.add(pool.submit(judged_world, next(seeds)))
    _say(judged, asked.seed, time.monotonic() - began)
    return int(any(one.broken for one in judged))


def _say(judged: list[Judged], seed: int, seconds: float) -> None:
    messages, starts, dead = (
        sum(one) for one in zip(*((one.lives, one.starts, one.dead) for one in judged), strict=True)
    )
    broken = sum(bool(one.broken) for one in judged)
    struck = sum((one.struck for one in judged), Counter[str]())
    print(f"{messages:,} messages in {len(judged):,} worlds, seeds from {seed}, {seconds:,.0f} s")
    print(f"{starts:,} starts, {dead:,} dead letters, {broken} worlds broke a promise; faults that struck:")
    for kind in (*KINDS, *OF_A_WIDER_WORLD, *OUTAGES, POISONED):
        print(f"  {struck[kind]:>10,}  {kind}")


if __name__ == "__main__":
    sys.exit(main())
