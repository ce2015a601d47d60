"""A rate that nobody has to choose follows a partner's limit, and nobody can abuse that."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from tests.conftest import COUNTED

from consumer.flow.slots import LATE_SECONDS
from shared.ports.auto import CUT_EVERY_SECONDS, Auto, Cut
from shared.ports.breaker import CUTS_SECONDS, DEFAULT_LONGEST_SECONDS, PROBE_SECONDS
from shared.ports.gates import gate_of
from shared.queues import DEFAULT
from zigzag import Backoff, Context, Unavailable, task
from zigzag_testing import Sandbox
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.sandbox import CLOCKS_DIFFER_SECONDS
from zigzag_testing.schedules import every

MINUTE, HOUR = 60.0, 3600.0
CALL_SECONDS = 0.2
WAITING = 300
"""So many messages wait at any time."""

FAULTS = {
    "firing doubled": 0.3,
    "receive failed": 0.05,
    "call failed": 0.03,
    "call's answer lost": 0.03,
    "call slow": 0.03,
    "crash before a call": 0.005,
    "crash after a call": 0.005,
    "event late": 0.1,
    "event dropped": 0.05,
    "invoke throttled": 0.03,
    "clock off": 0.3,
}


class CountedGates(MemoryGates):
    """Gates that remember the time of each cut."""

    def __init__(self) -> None:
        super().__init__()
        self.cuts: list[float] = []

    async def cut(self, queue: str, cut: Cut) -> bool:
        done = await super().cut(queue, cut)
        if done:
            self.cuts.append(cut.at)
        return done


class Partner:
    """A queue whose tasks call a partner, and the partner, who answers 429 above a limit.

    limits  -- calls a second, one limit after the other, all for as long. At 0 it is away.
    starts  -- when each task began, its id, and whether it went well; in seconds from the start.
    """

    def __init__(self, limits: tuple[float, ...], seconds: float, **options: Any) -> None:
        self.limits, self.seconds = limits, seconds
        self.starts: list[tuple[float, str, bool]] = []
        self.sent: dict[str, float] = {}
        self._bucket, self._filled = 1.0, 0.0

        @task
        async def call(payload: dict[str, Any], context: Context) -> None:
            began = self.now()
            well = not payload.get("poison") and self._takes(began)
            self.starts.append((began, context.id, well))
            await asyncio.sleep(CALL_SECONDS)
            if not well:
                raise Unavailable("429")

        self.task = call
        self.sandbox = Sandbox({"call": call}, flow_control=True, in_flight_cap=0, **options)
        self.sandbox.gates = self.gates = CountedGates()
        self._began = self.sandbox.clock.now()

    def _takes(self, now: float) -> bool:
        """Fills a bucket at the limit; it holds the calls of one second."""
        limit = self.limit(now)
        self._bucket = min(max(1.0, limit), self._bucket + limit * (now - self._filled))
        self._filled = now
        if self._bucket < 1:
            return False
        self._bucket -= 1
        return True

    def limit(self, now: float) -> float:
        return self.limits[min(int(now / self.phase), len(self.limits) - 1)]

    @property
    def phase(self) -> float:
        return self.seconds / len(self.limits)

    def now(self) -> float:
        return self.sandbox.clock.now() - self._began

    def send(self, many: int = 1, **payload: Any) -> None:
        for _ in range(many):
            id = str(len(self.sent))
            self.sent[id] = self.now()
            self.task.send(payload, id=id)

    def run_with_a_backlog(self) -> None:
        """Runs until the last limit has had its time. Messages wait all the time."""
        while self.now() < self.seconds:
            self.send(max(0, WAITING - len(self.sandbox.queue)))
            self.sandbox.run_for(10)

    def of_phase(self, number: int) -> tuple[float, float]:
        """Returns the shares of refused starts and of the used limit, from a minute after its change on."""
        begin, end = number * self.phase + MINUTE, (number + 1) * self.phase
        well = [well for began, _, well in self.starts if begin <= began < end]
        return 1 - sum(well) / len(well), sum(well) / (self.limits[number] * (end - begin))

    @property
    def rate(self) -> float:
        """Starts a second, as the gate allows them now."""
        rate = gate_of(self.gates.attributes[DEFAULT]).rate
        assert rate is not None
        return 1 / rate.every


@pytest.fixture
def partner() -> Iterator[Callable[..., Partner]]:
    made: list[Partner] = []

    def make(*limits: float, seconds: float = HOUR, rule: Auto | None = None, **options: Any) -> Partner:
        made.append(Partner(limits, seconds, **options))
        made[-1].sandbox.__enter__()
        made[-1].sandbox.limit_by_itself(*() if rule is None else (rule.slowest, rule.fastest))
        return made[-1]

    yield make
    for one in made:
        one.sandbox.__exit__(None, None, None)


def test_four_limits_in_an_hour_are_found_within_a_minute_each(
    partner: Callable[..., Partner], record_property: Callable[[str, object], None]
) -> None:
    one = partner(4, 2, 6, 3, schedule=every(MINUTE / 2), linger_seconds=70)

    one.run_with_a_backlog()

    found = [one.of_phase(number) for number in range(4)]
    record_property(
        COUNTED,
        f"limits of {one.limits} a second: "
        + ", ".join(f"{refused:.1%} refused and {used:.0%} used" for refused, used in found),
    )
    assert all(refused <= 0.02 for refused, _ in found), found
    assert all(used >= 0.85 for _, used in found), found
    assert len(one.sandbox.dead_letters) == 0


@pytest.mark.parametrize("consumers", [2, 4])
def test_whatever_goes_wrong_it_is_cut_seldom_and_never_above_its_most(
    partner: Callable[..., Partner], consumers: int, record_property: Callable[[str, object], None]
) -> None:
    rule = Auto(1, 0.25)
    one = partner(
        2, 9, seconds=40 * MINUTE, rule=rule, schedule=every(75 / consumers), linger_seconds=70, faults=FAULTS
    )

    one.run_with_a_backlog()

    cuts = one.gates.cuts
    closest = min(after - before for before, after in pairwise(cuts))
    began = sorted(began for began, _, _ in one.starts)
    span, late = 10, LATE_SECONDS + 2 * CLOCKS_DIFFER_SECONDS
    most = max(bisect_right(began, at + span) - number for number, at in enumerate(began))
    record_property(
        COUNTED,
        f"{consumers} consumers under faults: {len(cuts)} cuts, {closest:.1f} s apart, {most} in {span} s",
    )
    assert len(cuts) >= 5
    assert closest >= CUT_EVERY_SECONDS
    assert most <= (span + late) / rule.fastest + 1
    assert len(one.sandbox.dead_letters) == 0


def test_a_queue_that_rests_most_of_the_time_stays_near_its_first_rate(
    partner: Callable[..., Partner],
) -> None:
    one = partner(100)

    for _ in range(6 * 180):
        one.send()
        one.sandbox.run_for(20)

    assert 1 <= one.rate <= 1.5


def test_an_outage_leaves_no_dead_letter_and_the_rate_comes_back(
    partner: Callable[..., Partner], record_property: Callable[[str, object], None]
) -> None:
    # Given a partner who takes three calls a second, and is away for twenty minutes
    one = partner(3, 0, 3, linger_seconds=70)

    one.run_with_a_backlog()

    away = one.phase, 2 * one.phase
    in_vain = sum(away[0] <= began < away[1] for began, _, _ in one.starts)
    back = min(began for began, _, well in one.starts if well and began >= away[1]) - away[1]
    refused, used = one.of_phase(2)
    record_property(
        COUNTED,
        f"20 minutes away: {in_vain} starts in vain, first success after {back:.0f} s, then {used:.0%} used",
    )
    assert len(one.sandbox.dead_letters) == 0
    # The rate is halved each few seconds, and then one a minute tries
    assert in_vain <= 3 * CUTS_SECONDS + one.phase / PROBE_SECONDS + 20
    assert back <= PROBE_SECONDS + MINUTE
    assert (refused <= 0.02, used >= 0.85) == (True, True), (refused, used)


POLICY_SECONDS = sum(Backoff().first * 2**attempt for attempt in range(4)) + 5 * 2 * MINUTE
FREE_SECONDS = 24 * (15 * MINUTE + MINUTE)
"""The most that 24 receives take, each after a tick, and hidden for a quarter of an hour before it."""


@pytest.mark.parametrize(
    ("poison", "healthy"),
    [
        pytest.param(9, 0, id="alone"),
        pytest.param(9, 1, id="too few to shut it"),
        pytest.param(100, 1, id="many among healthy ones"),
    ],
)
def test_who_always_says_it_becomes_a_dead_letter(
    partner: Callable[..., Partner],
    poison: int,
    healthy: int,
    record_property: Callable[[str, object], None],
) -> None:
    one = partner(100)

    one.send(poison, poison=True)
    for _ in range(int(14 * HOUR / 20)):
        one.send(healthy)
        one.sandbox.run_for(20)
    one.sandbox.run()

    last = {id: began for began, id, _ in one.starts}
    oldest = max(last[str(number)] for number in range(poison))
    waits = sorted(began - one.sent[id] for began, id, well in one.starts if well) or [0.0]
    middle, longest = waits[len(waits) // 2], waits[-1]
    record_property(
        COUNTED,
        f"{poison} poison, {len(one.sent) - poison} healthy, {len(one.starts)} starts: the oldest lived "
        f"{oldest / HOUR:.2f} h; healthy ones waited {middle:.0f} s, {longest / MINUTE:.0f} min at most",
    )
    assert len(one.sandbox.dead_letters) == poison
    assert oldest <= DEFAULT_LONGEST_SECONDS + FREE_SECONDS + POLICY_SECONDS
    assert longest <= DEFAULT_LONGEST_SECONDS + POLICY_SECONDS
