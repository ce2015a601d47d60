"""Measures how much one, two and four consumers move, where each has a small part of a processor.

    PYTHONPATH=src:tools:. .venv/bin/python -m benchmarks.consumers

The first one is the schedule's. By the length of the backlog it starts others: the stub notes their events,
and each gets a process. It is stopped while it has had more than its part of the clients' processor, which is
that of so much memory on Lambda. So there is room for four.
"""

from __future__ import annotations

import signal
import subprocess
import time
from typing import NamedTuple

from benchmarks import dispatch, machine
from benchmarks.bench import ARMS, Arm, Bench, built_bench
from benchmarks.processes import ArmFailedError, on_the_clients_processor

MEMORY_MB = 256
PART = MEMORY_MB / 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html

BACKLOGS = (42, 75, 300)  # for one, two and four: the seconds in which one alone would move them

BEFORE_SECONDS, MEASURED_SECONDS = 15, 15  # by then the others have been started, and are warm
TURN_SECONDS, LATE_SECONDS = 0.01, 0.5


class Limited:
    """A process that gets that part of a processor and no more."""

    def __init__(self, bench: Bench, arm: Arm, event: str) -> None:
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

    def had(self) -> float:
        """Returns its processor time, by the clock of clock_getcpuclockid(3)."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def keep(self) -> None:
        now, had = time.monotonic(), self.had()
        self._began = max(self._began, now - had / PART - LATE_SECONDS)  # what it could not use is gone
        too_much = had > (now - self._began) * PART
        self.process.send_signal(signal.SIGSTOP if too_much else signal.SIGCONT)


class Moved(NamedTuple):
    """The consumers that ran, the messages of a second, and the part of a processor that each had."""

    consumers: int
    a_second: float
    part: float


def moved(bench: Bench, backlog: int, most: int = 4) -> Moved:
    arm = dispatch.zigzag("consumers", {"MaxConsumers": str(most)}, memory=MEMORY_MB)
    bench.stub.reset(backlog, latency_ms=5)
    running = [Limited(bench, arm, '{"source": "aws.events"}')]
    try:
        for _ in range(BEFORE_SECONDS):
            _keep(running, 1)
            asked = bench.stub.stats()["started"]
            running += [Limited(bench, arm, event) for event in asked[len(running) - 1 :]]
        begun, had, before = time.monotonic(), sum(one.had() for one in running), bench.stub.stats()
        _keep(running, MEASURED_SECONDS)
        after, seconds = bench.stub.stats(), time.monotonic() - begun
        part = (sum(one.had() for one in running) - had) / seconds / len(running)
    finally:
        for one in running:
            one.process.kill()
            one.process.wait()
    if after["dispatched"] != after["dispatched_once"]:
        raise ArmFailedError("a message was dispatched twice")
    return Moved(len(running), (after["dispatched"] - before["dispatched"]) / seconds, part)


def _keep(running: list[Limited], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for one in running:
            one.keep()
        time.sleep(TURN_SECONDS)


if __name__ == "__main__":
    print(f"{machine.description()}; load {machine.load():.1f}")
    with built_bench() as bench:
        alone = moved(bench, 100_000, most=1).a_second
        for backlog in [round(alone * seconds) for seconds in BACKLOGS] * 3:
            print(f"{backlog:,} messages:", moved(bench, backlog), f"load {machine.load():.1f}", flush=True)
