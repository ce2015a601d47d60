"""Measures how much one, two and four consumers move, where each has a small part of a processor.

    PYTHONPATH=src:tools:. .venv/bin/python -m benchmarks.consumers

The first one is the schedule's. By the length of the backlog it starts others: the stub notes their events,
and each gets a process. It is stopped while it has had more than its part of the clients' processor, which is
that of so much memory on Lambda. So there is room for four, and for one beside them with a stub of its own:
what other work does to a processor's speed, it does to both.
"""

from __future__ import annotations

import signal
import subprocess
import time
from typing import NamedTuple

from benchmarks import dispatch, machine
from benchmarks.bench import ARMS, Bench, a_bench, built_bench
from benchmarks.processes import on_the_clients_processor

MEMORY_MB = 192
PART = MEMORY_MB / 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html

BACKLOGS = (48, 100, 300)  # for one, two and four: the seconds in which one alone would move them
BEFORE_SECONDS, MEASURED_SECONDS = 17, 17  # by then the others have been started, and are warm
TURN_SECONDS, LATE_SECONDS = 0.01, 0.5


class Limited:
    """A consumer of at most `most`, whose process gets that part of a processor and no more."""

    def __init__(self, bench: Bench, most: int, event: str = '{"source": "aws.events"}') -> None:
        arm = dispatch.zigzag("consumers", {"MaxConsumers": str(most)}, memory=MEMORY_MB)
        with on_the_clients_processor():
            self.process = subprocess.Popen(
                [*arm.interpreter, str(ARMS / arm.script[0]), event],
                env=bench.environment(arm),
                cwd=bench.folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Linux shares a busy machine's processors among sessions
            )
        self._began = time.monotonic()

    def keep(self) -> None:
        now = time.monotonic()
        had = time.clock_gettime(~self.process.pid << 3 | 2)  # its processor time: clock_getcpuclockid(3)
        self._began = max(self._began, now - had / PART - LATE_SECONDS)  # what it could not use is gone
        too_much = had > (now - self._began) * PART
        self.process.send_signal(signal.SIGSTOP if too_much else signal.SIGCONT)


class Moved(NamedTuple):
    """The consumers that ran, the messages of a second that they dispatched, and those of the one beside."""

    consumers: int
    a_second: float
    beside: float


def moved(bench: Bench, beside: Bench, backlog: int, most: int = 4) -> Moved:
    bench.stub.reset(backlog, latency_ms=5)
    beside.stub.reset(1_000_000, latency_ms=5)
    running = [Limited(beside, 1), Limited(bench, most)]
    try:
        for _ in range(BEFORE_SECONDS):
            _keep(running, 1)
            asked = bench.stub.stats()["started"]
            running += [Limited(bench, most, event) for event in asked[len(running) - 2 :]]
        begun, before = time.monotonic(), _dispatched(bench, beside)
        _keep(running, MEASURED_SECONDS)
        after, seconds = _dispatched(bench, beside), time.monotonic() - begun
    finally:
        for each in running:
            each.process.kill()
            each.process.wait()
    return Moved(len(running) - 1, *((b - a) / seconds for a, b in zip(before, after, strict=True)))


def _dispatched(*benches: Bench) -> list[int]:
    return [bench.stub.stats()["dispatched_once"] for bench in benches]


def _keep(running: list[Limited], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for one in running:
            one.keep()
        time.sleep(TURN_SECONDS)


if __name__ == "__main__":
    print(f"{machine.description()}; load {machine.load():.1f}")
    with built_bench() as bench, a_bench(bench.packages, bench.folder) as other:
        alone = moved(bench, other, 100_000, most=1).a_second
        for backlog in [round(alone * seconds) for seconds in BACKLOGS] * 3:
            print(f"{backlog:,} messages:", moved(bench, other, backlog), flush=True)
