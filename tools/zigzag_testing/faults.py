"""Makes faults at random, with given probabilities. A seed makes the same faults again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from random import Random

from zigzag_testing.outages import How, Outage, Outages, Service

KINDS = (
    "invoke throttled",
    "invoke failed",
    "invoke's answer lost",
    "event dropped",
    "event doubled",
    "event late",
    "old event kept",
    "call failed",
    "call's answer lost",
    "call slow",
    "entry failed",
    "crash before a call",
    "crash after a call",
    "crash of a task",
    "clock off",
)
"""The kinds of faults, by the names under which they are counted."""

OF_A_WIDER_WORLD = (
    "firing doubled",
    "receive failed",
    "short poll misses",
    "message doubled",
)
"""Kinds that concern a consumer's view of the queue, and messages that SQS delivers twice."""

OF_A_BUCKET = (
    "put refused",
    "get throttled",
    "object gone",
    "object replaced",
)
"""Kinds that concern the bucket of large payloads. The last two strike an object right after it was read."""

POISONED = "process poisoned"
"""Counts the calls of processes that reach nothing any more, since their task has broken that."""

SLOWEST_CALL_SECONDS = 30.0

PROCESS: ContextVar[int] = ContextVar("process", default=0)
"""The number of the process that runs now: a worker's from 1, a consumer's below 0; else 0."""


class Crash(BaseException):
    """Ends the process at once. No `except Exception` catches it."""


class CrashAtCall(Crash):
    """A crash that no code of a task has caused."""


@dataclass(frozen=True, slots=True)
class Unheld:
    """A heartbeat that a fault delayed, lost or refused.

    of    -- the message's MessageId, or the record's key.
    ended -- its end in epoch seconds; infinity if it was refused, as no other follows.
    """

    process: int
    of: str
    began: float
    ended: float


class Faults:
    """Makes faults at random, with a probability for each kind; 0 for a kind that is not named.

    of_a_bucket -- the random numbers of the bucket's faults, so that these leave all others as they are.
    outages     -- faults that last for a while, as they are planned.

    Facts about single messages and records, by which a test excuses results that no code can prevent:

    struck    -- how often each kind has happened; `of_process` counts all kinds in each process.
    doubled   -- how often events were sent twice, by the MessageIds in them.
    dropped   -- when messages were received in vain, by their MessageIds: the answer was lost, the event was
                 dropped, not accepted, or too late for a start, or its worker crashed at a call.
    unreached -- how often the record of a key could not be reached, or did not answer.
    in_vain   -- starts that were recorded, but a fault came before the task's first line: the record's key,
                 and the time.
    unheld    -- the heartbeats that faults hit, by the message or the record.
    poisoned  -- the processes that reach nothing any more, and how their calls end.
    too_late  -- the processes that ran a task's code though they had a reason to end.
    spared    -- the poisoned ones that would have taken another event.
    """

    def __init__(self, random: Random, rates: Mapping[str, float], of_a_bucket: Random | None = None) -> None:
        there_are = KINDS + OF_A_WIDER_WORLD + OF_A_BUCKET
        unknown = rates.keys() - set(there_are)
        if unknown:
            raise ValueError(
                f"no such faults: {', '.join(sorted(unknown))}; there are: {', '.join(there_are)}"
            )
        self.outages = Outages()
        self._random = random
        self._of_a_bucket = of_a_bucket or random
        self._rates = dict(rates)
        self.struck: Counter[str] = Counter()
        self.of_process: Counter[int] = Counter()
        self.doubled: Counter[str] = Counter()
        self.dropped: defaultdict[str, list[float]] = defaultdict(list)
        self.unreached: Counter[str] = Counter()
        self.in_vain: list[tuple[str, float]] = []
        self.unheld: defaultdict[str, list[Unheld]] = defaultdict(list)
        self.poisoned: dict[int, How] = {}
        self.too_late: list[tuple[int, str]] = []
        self.spared: list[int] = []

    @classmethod
    def none(cls) -> Faults:
        return cls(Random(0), {})

    def strike(self, kind: str) -> bool:
        """Returns whether a fault of this kind happens now."""
        rate = self._rates.get(kind, 0.0)
        random = self._of_a_bucket if kind in OF_A_BUCKET else self._random
        if rate == 0.0 or random.random() >= rate:
            return False
        self.struck[kind] += 1
        self.of_process[PROCESS.get()] += 1
        return True

    def drop(self, message_ids: Iterable[str], at: float) -> None:
        """Notes that a receive of these messages never starts a worker."""
        for one in message_ids:
            self.dropped[one].append(at)

    def delay(self, kind: str, max_seconds: float) -> float:
        """Returns a delay in seconds if a fault of this kind happens now; else 0."""
        return self._random.uniform(0, max_seconds) if self.strike(kind) else 0.0

    def between(self, least: float, most: float) -> float:
        return self._random.uniform(least, most)

    def slowness(self) -> tuple[float, float]:
        """Returns the seconds that a call takes before its effect, and after it."""
        seconds = self.delay("call slow", SLOWEST_CALL_SECONDS)
        return (seconds, 0.0) if seconds and self._random.random() < 0.5 else (0.0, seconds)

    def lose(self) -> tuple[bool, bool]:
        """Returns whether a call's answer is lost, and whether the answer to a second try is lost as well."""
        lost = self.strike("call's answer lost")
        return lost, lost and self._random.random() < 0.5

    def skew(self, max_seconds: float) -> float:
        """Returns by how many seconds a clock is wrong."""
        return self._random.uniform(-max_seconds, max_seconds) if self.strike("clock off") else 0.0

    def outage(self, service: Service, now: float) -> Outage | None:
        """Returns the outage of the service for the process that runs now, or None."""
        process = PROCESS.get()
        how = self.poisoned.get(process)
        outage = Outage(service, how, now, inf) if how else self.outages.of(service, process, now)
        if outage is not None:
            self.struck[POISONED if how else str(outage)] += 1
            self.of_process[process] += 1
        return outage

    def poison(self, how: How) -> None:
        """Has the process that runs now reach nothing from now on, as if its task had broken `ssl`."""
        self.poisoned[PROCESS.get()] = how

    def note_end(self, exit_reason: str | None) -> None:
        """Notes that an invocation has returned, and why its process must end, if it must."""
        if exit_reason is None and PROCESS.get() in self.poisoned:
            self.spared.append(PROCESS.get())

    def fewer(self, most: int) -> int:
        """Returns how many messages a short poll finds, of the `most` that it asks for."""
        return self._random.randint(0, most) if self.strike("short poll misses") else most

    def note_unheld(self, of: str, began: float, ended: float) -> None:
        """Notes that a fault hit a heartbeat of the process that runs now."""
        self.unheld[of].append(Unheld(PROCESS.get(), of, began, ended))

    def stop(self) -> None:
        self._rates = {}
        self.outages.stop()

    def before(self) -> None:
        """Raises Crash if the process crashes before a call."""
        if self.strike("crash before a call"):
            raise CrashAtCall

    def after(self) -> None:
        """Raises Crash if the process crashes after a call."""
        if self.strike("crash after a call"):
            raise CrashAtCall
