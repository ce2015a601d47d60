"""What did a world cost, in calls and in time? And how long did it take to run empty?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import watch

from zigzag_testing import Sandbox

AT_MOST = 1.2
"""Times the ideal."""

RECEIVES_A_TICK = 10
"""What it takes to see that nothing is left, for each poller twice, and some more."""


class Cost:
    """Counts from now on.

    receives, invocations -- calls of SQS, and of the worker.
    worker_seconds        -- what Lambda bills of the worker, together.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.receives = self.invocations = 0
        self.worker_seconds = 0.0
        self._sandbox = sandbox
        self._began = sandbox.clock.now()
        self._watch()

    def seconds(self) -> float:
        """How long it is since counting began."""
        return self._sandbox.clock.now() - self._began

    def _watch(self) -> None:
        workers, now = self._sandbox.workers, self._sandbox.clock.now
        work = workers._handler

        def received(*_: object) -> None:
            self.receives += 1

        async def watched_work(event: Any, seconds_left: Callable[[], float]) -> None:
            began = now()
            self.invocations += 1
            try:
                await work(event, seconds_left)
            finally:
                self.worker_seconds += now() - began

        watch(self._sandbox.queue, "receive", received)
        workers._handler = watched_work


def check_time(took: Cost, ideal: Cost) -> None:
    """A drain takes little longer than the same one in an ideal world."""
    assert took.seconds() <= AT_MOST * ideal.seconds(), f"{took.seconds():.0f} s, not {ideal.seconds():.0f}"


def check_calls(took: Cost, ideal: Cost) -> None:
    """A drain takes few more calls, and little more of the workers' time, than in an ideal world."""
    ticks = len(took._sandbox.fired)
    for what, number, least in (
        ("receives", took.receives - RECEIVES_A_TICK * ticks, ideal.receives),
        ("invocations", took.invocations, ideal.invocations),
        ("worker seconds", took.worker_seconds, ideal.worker_seconds),
    ):
        assert number <= AT_MOST * least, f"{number:,.0f} {what}, of {least:,.0f}"
