"""A rate that finds itself follows a partner's limit, and nobody can abuse that."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Any

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile.conftest import Partners
from tests.promises.hostile.limited import FAULTS as OF_LIMITS
from tests.support import slow, watch

from consumer.flow.slots import LATE_SECONDS
from shared.ports.auto import CUT_EVERY_SECONDS, Auto, Cut
from shared.ports.breaker import CUTS_SECONDS, DEFAULT_LONGEST_SECONDS, PROBE_SECONDS
from zigzag import Backoff
from zigzag_testing.sandbox import CLOCKS_DIFFER_SECONDS
from zigzag_testing.schedules import every

MINUTE, HOUR = 60.0, 3600.0
CALL_SECONDS = 0.2
WAITING = 300
"""So many messages wait at any time."""

FAULTS = OF_LIMITS | {"event late": 0.1, "clock off": 0.3}


class Hours:
    """A partner whose limit changes in equal times, with a rate that finds itself.

    limits -- calls a second, one after the other. At 0 it is away.
    """

    def __init__(
        self,
        partner: Partners,
        *limits: float,
        seconds: float = HOUR,
        rule: Auto | None = None,
        **options: Any,
    ) -> None:
        self.limits, self.phase = limits, seconds / len(limits)
        self.cuts: list[float] = []
        self.partner = partner(
            lambda now: limits[min(int(now / self.phase), len(limits) - 1)],
            takes=CALL_SECONDS,
            flow_control=True,
            **options,
        )
        self.sandbox = self.partner.sandbox
        watch(self.sandbox.gates, "cut", self._note)
        self.sandbox.limit_by_itself(*() if rule is None else (rule.slowest, rule.fastest))

    def _note(self, done: bool, queue: str, cut: Cut) -> None:
        if done:
            self.cuts.append(cut.at)

    def run_with_a_backlog(self) -> None:
        """Runs until the last limit has had its time. Messages wait all the time."""
        while self.partner.now() < self.phase * len(self.limits):
            self.partner.send(max(0, WAITING - len(self.sandbox.queue)))
            self.sandbox.run_for(10)

    def of_phase(self, number: int) -> tuple[float, float]:
        """Returns the shares of refused starts and of the used limit, from a minute after its change on."""
        begin, end = number * self.phase + MINUTE, (number + 1) * self.phase
        well = [well for began, _, well in self.partner.starts if begin <= began < end]
        return 1 - sum(well) / len(well), sum(well) / (self.limits[number] * (end - begin))


@pytest.mark.slow
def test_four_limits_in_an_hour_are_found_within_a_minute_each(
    partner: Partners, record_property: Record
) -> None:
    one = Hours(partner, 4, 2, 6, 3, schedule=every(MINUTE / 2), watch_always=True)

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


@pytest.mark.slow
@pytest.mark.parametrize("consumers", [2, *slow(4)])
def test_whatever_goes_wrong_it_is_cut_seldom_and_never_above_its_most(
    partner: Partners, consumers: int, record_property: Record
) -> None:
    rule = Auto(1, 0.25)
    schedule = every(75 / consumers)
    one = Hours(
        partner, 2, 9, seconds=40 * MINUTE, rule=rule, schedule=schedule, watch_always=True, faults=FAULTS
    )

    one.run_with_a_backlog()

    cuts = one.cuts
    closest = min(after - before for before, after in pairwise(cuts))
    began = sorted(began for began, _, _ in one.partner.starts)
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


@pytest.mark.slow
def test_a_queue_that_rests_most_of_the_time_stays_near_its_first_rate(partner: Partners) -> None:
    one = Hours(partner, 100)

    one.partner.send_each(20, 1, 6 * HOUR)

    rate = one.partner.gate.rate
    assert rate is not None
    assert 1 <= 1 / rate.every <= 1.5


@pytest.mark.slow
def test_an_outage_leaves_no_dead_letter_and_the_rate_comes_back(
    partner: Partners, record_property: Record
) -> None:
    # Given a partner who takes three calls a second, and is away for twenty minutes
    one = Hours(partner, 3, 0, 3, watch_always=True)

    one.run_with_a_backlog()

    away = one.phase, 2 * one.phase
    in_vain = one.partner.in_vain(*away)
    back = one.partner.first_success_after(away[1])
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("poison", "healthy"),
    [
        pytest.param(9, 0, id="alone"),
        pytest.param(9, 1, id="too few to shut it", marks=pytest.mark.slow),
        pytest.param(100, 1, id="many among healthy ones", marks=pytest.mark.slow),
    ],
)
def test_who_always_says_it_becomes_a_dead_letter(
    partner: Partners, poison: int, healthy: int, record_property: Record
) -> None:
    one = Hours(partner, 100).partner

    one.send(poison, poison=True)
    one.send_each(20, healthy, 14 * HOUR)
    one.sandbox.run()

    oldest = max(one.lives()[:poison])
    waits = one.waits() or [0.0]
    middle, longest = waits[len(waits) // 2], waits[-1]
    record_property(
        COUNTED,
        f"{poison} poison, {len(one.sent) - poison} healthy, {len(one.starts)} starts: the oldest lived "
        f"{oldest / HOUR:.2f} h; healthy ones waited {middle:.0f} s, {longest / MINUTE:.0f} min at most",
    )
    assert len(one.sandbox.dead_letters) == poison
    assert oldest <= DEFAULT_LONGEST_SECONDS + FREE_SECONDS + POLICY_SECONDS
    assert longest <= DEFAULT_LONGEST_SECONDS + POLICY_SECONDS
