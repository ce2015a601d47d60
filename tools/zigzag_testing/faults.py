"""What goes wrong in a hostile world, and how often? Seeded, so that a bad day can be had again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random

from zigzag_testing.outages import Outage, Outages, Service

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
"""Each kind of fault, by the name under which it is counted."""

OF_A_WIDER_WORLD = (
    "firing doubled",
    "receive failed",
    "short poll misses",
    "message doubled",
)
"""Kinds that strike a consumer's view of the queue, and what SQS itself delivers twice."""

SLOWEST_CALL_SECONDS = 30.0

PROCESS: ContextVar[int] = ContextVar("process", default=0)
"""The number of the process that is at work now: a worker's from 1, a consumer's below 0; else 0."""


class Crash(BaseException):
    """The process ends here and now: no `except Exception` sees it."""


@dataclass(frozen=True, slots=True)
class Unheld:
    """A heartbeat that a fault held up, kept from getting through, or refused.

    of    -- the message's MessageId, or the record's key.
    ended -- infinity if it was refused: there is none after that.
    """

    process: int
    of: str
    began: float
    ended: float


class Faults:
    """Strikes at random, with a probability for each kind; 0 for a kind that is not named.

    outages -- what goes wrong for a while, whenever it is planned.

    What a judge must know of single messages and records, to forgive what no code can help:

    struck    -- how often each kind has struck; `of_process` how often any has struck a worker's process.
    doubled   -- the events that were doubled, by the MessageIds in them.
    unreached -- how often the record of a key could not be reached, or did not answer.
    in_vain   -- starts that were recorded, and then a fault came before the task's first line: the record's
                 key, and when.
    unheld    -- the heartbeats that were hit, of all messages and records, by what they are of.
    """

    def __init__(self, random: Random, rates: Mapping[str, float]) -> None:
        there_are = KINDS + OF_A_WIDER_WORLD
        unknown = rates.keys() - set(there_are)
        if unknown:
            raise ValueError(
                f"no such faults: {', '.join(sorted(unknown))}; there are: {', '.join(there_are)}"
            )
        self.outages = Outages()
        self._random = random
        self._rates = dict(rates)
        self.struck: Counter[str] = Counter()
        self.of_process: Counter[int] = Counter()
        self.doubled: Counter[str] = Counter()
        self.unreached: Counter[str] = Counter()
        self.in_vain: list[tuple[str, float]] = []
        self.unheld: defaultdict[str, list[Unheld]] = defaultdict(list)

    @classmethod
    def none(cls) -> Faults:
        return cls(Random(0), {})

    def strike(self, kind: str) -> bool:
        """Whether a fault of this kind happens now."""
        rate = self._rates.get(kind, 0.0)
        if rate == 0.0 or self._random.random() >= rate:
            return False
        self.struck[kind] += 1
        self.of_process[PROCESS.get()] += 1
        return True

    def delay(self, kind: str, max_seconds: float) -> float:
        """How late something is, if a fault of this kind happens now; else 0."""
        return self._random.uniform(0, max_seconds) if self.strike(kind) else 0.0

    def between(self, least: float, most: float) -> float:
        """Any number of these, by chance."""
        return self._random.uniform(least, most)

    def slowness(self) -> tuple[float, float]:
        """How many seconds a call takes before it has its effect, and after that."""
        seconds = self.delay("call slow", SLOWEST_CALL_SECONDS)
        return (seconds, 0.0) if seconds and self._random.random() < 0.5 else (0.0, seconds)

    def lose(self) -> tuple[bool, bool]:
        """Whether a call's answer is lost, and whether that of the same call sent again is lost too."""
        lost = self.strike("call's answer lost")
        return lost, lost and self._random.random() < 0.5

    def skew(self, max_seconds: float) -> float:
        """How far a clock is off."""
        return self._random.uniform(-max_seconds, max_seconds) if self.strike("clock off") else 0.0

    def outage(self, service: Service, now: float) -> Outage | None:
        """What goes wrong for a while with a call of the process that is at work now, or None."""
        outage = self.outages.of(service, PROCESS.get(), now)
        if outage is not None:
            self.struck[str(outage)] += 1
        return outage

    def fewer(self, most: int) -> int:
        """How many messages a short poll finds, of the `most` that it asks for."""
        return self._random.randint(0, most) if self.strike("short poll misses") else most

    def note_unheld(self, of: str, began: float, ended: float) -> None:
        """A heartbeat of the process that is at work now was hit."""
        self.unheld[of].append(Unheld(PROCESS.get(), of, began, ended))

    def stop(self) -> None:
        """From now on, nothing goes wrong."""
        self._rates = {}
        self.outages.stop()

    def before(self) -> None:
        """At the begin of a call. Raises Crash."""
        if self.strike("crash before a call"):
            raise Crash

    def after(self) -> None:
        """At the end of a call. Raises Crash."""
        if self.strike("crash after a call"):
            raise Crash
