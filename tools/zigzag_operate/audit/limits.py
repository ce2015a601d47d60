"""Judges the rate and the exact cap of a queue by when its tasks ran.

A line comes when its task has ended, so a second is judged once no line can tell of it any more. Seconds are
counted, and not runs: the memory is bounded by how long a task may take.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from itertools import islice
from math import ceil, floor, inf
from typing import Any, cast

from consumer.flow.slots import LATE_SECONDS
from shared.ports.gates import AT_ONCE, BURST, EVERY
from shared.queues import DEFAULT
from zigzag_operate.audit.report import OVER_AT_ONCE, OVER_RATE, Finding, Report
from zigzag_operate.audit.runs import CLOCKS_SECONDS, Run

LATEST_SECONDS = 1_000
"""A line comes so long after its task's start, at the latest: Lambda runs one for 900 s."""

WINDOWS = (60, 600)
"""The seconds in which starts are counted against a rate. In fewer, clocks that differ count more."""

_TICKS_APART = 180
"""A limit is judged where the ticks before and after agree on it. They come each minute."""

type Limit = Mapping[str, Any]


class QueueLimits:
    """Judges the rate and the exact cap of one queue.

    short -- runs under an exact cap that were too short to tell, for clocks that differ.
    """

    def __init__(self, queue: str, report: Report) -> None:
        self._queue = queue
        self._report = report
        self._said: deque[tuple[float, Limit]] = deque()  # by each tick, those of the last seconds
        self._starts: dict[int, int] = defaultdict(int)
        self._changes: dict[int, int] = defaultdict(int)  # of how many run, by second
        self._running = 0
        self._judged: int | None = None  # all seconds before this one
        self._limited = -inf  # the last tick that told a limit
        self._last_starts: deque[int] = deque(maxlen=max(WINDOWS))
        self._told_until: dict[str, int] = {}
        self.short = 0

    def tick(self, at: float, limit: Limit) -> None:
        self._said.append((at, limit))
        if EVERY in limit or AT_ONCE in limit:
            self._limited = max(self._limited, at)

    def run(self, run: Run) -> None:
        if self._judged is None:
            self._judged = floor(run.started) - LATEST_SECONDS
        if run.started < self._judged:
            return
        self._starts[floor(run.started)] += 1
        surely = CLOCKS_SECONDS / 2 + 2  # each of two clocks may be off by half of it, and its line be later
        begins, ends = ceil(run.started + surely), floor(run.ended - surely)
        if begins < ends:
            self._changes[begins] += 1
            self._changes[ends] -= 1
        elif self._said and AT_ONCE in self._said[-1][1]:
            self.short += 1

    def judge(self, until: float) -> None:
        """Judges each second before that time."""
        if self._judged is None:
            return
        if self._limited < self._judged - LATEST_SECONDS - _TICKS_APART:
            self._go_on_to(floor(until) // max(WINDOWS) * max(WINDOWS))
        else:
            self._look_at_each(until)
        while len(self._said) > 1 and self._said[1][0] < self._judged - LATEST_SECONDS - _TICKS_APART:
            self._said.popleft()

    def _look_at_each(self, until: float) -> None:
        self._judged = cast(int, self._judged)
        while self._judged < until:
            if self._judged % max(WINDOWS) == 0 and self._is_idle():
                self._judged = max(self._judged, floor(until) // max(WINDOWS) * max(WINDOWS))
                self._last_starts.clear()
            second, self._judged = self._judged, self._judged + 1
            self._last_starts.append(self._starts.pop(second, 0))
            self._running += self._changes.pop(second, 0)
            self._judge(second)

    def _is_idle(self) -> bool:
        """Returns whether nothing has started in the longest window, or runs. So hours take no time."""
        return not (self._starts or self._changes or any(self._last_starts))

    def _go_on_to(self, second: int) -> None:
        """Goes on without a look at each second: there is no limit to judge by, and only what runs counts."""
        if second <= cast(int, self._judged):
            return
        self._judged = second
        self._last_starts.clear()
        self._starts = defaultdict(int, {at: number for at, number in self._starts.items() if at >= second})
        for at in [at for at in self._changes if at < second]:
            self._running += self._changes.pop(at)

    def _judge(self, second: int) -> None:
        for seconds in WINDOWS if second % 10 == 0 else ():
            many = sum(islice(reversed(self._last_starts), seconds))
            if not many:
                continue
            every, burst = (self._told(name, second - seconds, second) for name in (EVERY, BURST))
            if not every or not burst:
                continue
            late = max(LATE_SECONDS, min(every)) + CLOCKS_SECONDS + 2
            if many > (most := int((seconds + late) / min(every)) + max(burst)):
                self._find(OVER_RATE, second, f"{many:,} starts within {seconds} s, of {most:,} at most")
        told = self._told(AT_ONCE, second - LATEST_SECONDS, second) if self._running else ()
        if told and self._running > (at_once := max(told)):
            self._find(OVER_AT_ONCE, second, f"{self._running:,} ran at once, of {at_once:,} at most")

    def _find(self, kind: str, second: int, said: str) -> None:
        if second < self._told_until.get(kind, 0):
            return
        self._told_until[kind] = second + max(WINDOWS)  # one for each time, and not for each second
        of = "" if self._queue == DEFAULT else f" in {self._queue}"
        self._report.find(Finding(kind, f"{said}{of}", float(second)))

    def _told(self, name: str, since: float, until: float) -> list[Any]:
        """Returns the values that the ticks of that time have told; none unless each tells one, and so does
        one at its beginning."""
        if not self._said or self._said[0][0] > since:
            return []
        ticks = [limit for at, limit in self._said if since - _TICKS_APART <= at <= until + _TICKS_APART]
        values = [limit[name] for limit in ticks if name in limit]
        return values if len(values) == len(ticks) else []
