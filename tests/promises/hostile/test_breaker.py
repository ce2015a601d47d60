"""A service that all tasks of a queue need is away: no attempt is used up, and nobody can abuse that."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import product
from typing import Any

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile.conftest import Partners
from tests.promises.hostile.service import UNLIMITED
from tests.support import slow

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from shared.ports.breaker import DEFAULT_LONGEST_SECONDS, DEFAULT_TRIP, PROBE_SECONDS
from worker.flow.breaker import HIDDEN_SECONDS
from zigzag import Backoff, Unavailable, task
from zigzag_testing import Sandbox

MINUTE, HOUR = 60.0, 3600.0
CALL_SECONDS = 2.0
"""How long a call takes that fails."""


AWAY = 2 * MINUTE, 32 * MINUTE
"""Half an hour."""


def away(moment: float) -> float:
    return 0 if AWAY[0] <= moment < AWAY[1] else UNLIMITED


@pytest.mark.parametrize("watch_always", slow(False, True))
def test_half_an_hours_outage_leaves_no_dead_letter(
    partner: Partners, watch_always: bool, record_property: Record
) -> None:
    # Given five messages a second, whose tasks have the default policy
    one = partner(away, takes=CALL_SECONDS, flow_control=True, watch_always=watch_always)

    # When the partner is away for half an hour
    one.send_each(1, 5, 40 * MINUTE)
    one.sandbox.run()

    in_vain = one.in_vain()
    back = one.first_success_after(AWAY[1])
    record_property(
        COUNTED,
        f"half an hour at 5/s, watched always: {watch_always}: {len(one.sandbox.dead_letters)} dead letters, "
        f"{in_vain} starts in vain, first success after {back:.0f} s",
    )
    assert len(one.sandbox.dead_letters) == 0
    seen = CALL_SECONDS + 2 * LOOK_AGAIN_SECONDS
    burst = 5 * (2 * seen if watch_always else 3 * MINUTE)  # of two minutes, and the first ones again
    minutes = (AWAY[1] - AWAY[0]) / PROBE_SECONDS
    assert in_vain <= DEFAULT_TRIP + burst + minutes + 3
    assert back <= PROBE_SECONDS + MINUTE


@pytest.mark.slow
def test_without_flow_control_it_leaves_hundreds(partner: Partners, record_property: Record) -> None:
    one = partner(away, takes=CALL_SECONDS)

    one.send_each(2, 1, 35 * MINUTE)
    one.sandbox.run()

    dead, in_vain = len(one.sandbox.dead_letters), one.in_vain()
    record_property(COUNTED, f"the same at 0.5/s without: {dead} dead letters, {in_vain} starts in vain")
    assert dead > 500


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [50, *slow(30)])
def test_single_failures_of_the_hours_before_do_not_count_as_an_outage(
    partner: Partners, minutes: int
) -> None:
    # Given a partner that fails once in a while, for longer than a queue is shut
    began = DEFAULT_LONGEST_SECONDS + 2 * HOUR
    one = partner(
        lambda now: 0 if began <= now < began + HOUR / 2 else UNLIMITED,
        takes=CALL_SECONDS,
        flow_control=True,
        watch_always=True,
    )
    for number in range(int(began / MINUTE)):
        one.send(flaky=number % minutes == 0)
        one.sandbox.run_for(MINUTE)

    # When it is away for half an hour
    one.send_each(1, 1, HOUR / 2)
    one.sandbox.run()

    assert len(one.sandbox.dead_letters) == 0


@pytest.mark.parametrize(
    ("share", "watch_always"),
    slow(*product((0.1, 0.2, 0.4), (False, True))),
)
def test_a_partner_that_refuses_a_share_of_the_calls_gets_them_all(
    partner: Partners, share: float, watch_always: bool, record_property: Record
) -> None:
    one = partner(takes=CALL_SECONDS, flow_control=True, watch_always=watch_always)
    one.service.refuses = share

    shut = 0
    for _ in range(int(10 * MINUTE)):
        one.send(5)
        one.sandbox.run_for(1)
        shut += one.is_shut()

    well = sum(well for _, _, well in one.starts)
    record_property(
        COUNTED,
        f"{share:.0%} refused, watched always: {watch_always}: {well} of 3,000 done, shut for {shut} s",
    )
    assert shut <= 10 * (CALL_SECONDS + 1), "a wave of each minute fails before the first of it succeeds"
    assert well >= 0.85 * len(one.sent)


def test_a_partner_that_does_not_answer_is_away_as_well() -> None:
    starts: list[int] = []

    @task(timeout=20, unavailable=(ConnectionError, TimeoutError))
    async def hanging(payload: dict[str, Any]) -> None:
        starts.append(payload["number"])
        await asyncio.sleep(HOUR)

    with Sandbox({"hanging": hanging}, flow_control=True, watch_always=True, in_flight_cap=0) as sandbox:
        for number in range(300):
            hanging.send({"number": number})
            sandbox.run_for(2)
        sandbox.run_for(HOUR / 2)

        assert list(sandbox.dead_letters) == []
        assert len(starts) < 100


@pytest.mark.parametrize("hours", [0.5, 2, 7])
def test_after_a_pause_within_an_outage_the_queue_opens_slowly_as_well(
    partner: Partners, hours: float
) -> None:
    # Given a queue that is paused while it is shut
    one = partner(
        lambda now: 0 if now < 2 * MINUTE else UNLIMITED,
        takes=CALL_SECONDS,
        flow_control=True,
        watch_always=True,
    )
    one.send_each(1, 1, MINUTE)
    one.sandbox.pause()
    one.send(700)
    one.sandbox.run_for(hours * HOUR)

    # When it is resumed, after the partner's return
    one.sandbox.resume()
    before = len(one.starts)
    one.sandbox.run_for(5 * MINUTE)

    began = [began for began, _, _ in one.starts[before:]]
    in_a_second = Counter(int(moment - began[0]) for moment in began)
    assert len(began) >= 700
    assert in_a_second[0] <= 2
    assert max(in_a_second.values()) <= 512


@pytest.mark.parametrize(("groups", "trip", "dead"), [(1, 10, 2), (1, 4, 0), (3, 10, 0)])
def test_a_fifo_queue_with_few_groups_loses_two_messages_at_most(
    groups: int, trip: int, dead: int, record_property: Record
) -> None:
    away = [True]

    @task
    async def call(payload: dict[str, Any]) -> None:
        await asyncio.sleep(CALL_SECONDS)
        if away[0]:
            raise Unavailable("the partner is away")

    with Sandbox({"call": call}, fifo=True, flow_control=True, watch_always=True) as sandbox:
        sandbox.break_at(trip)
        for number in range(180):
            call.send({}, group=str(number % groups), id=str(number))
            sandbox.run_for(10)
        away[0] = False
        sandbox.run()

        record_property(COUNTED, f"{groups} groups, trip {trip}: {len(sandbox.dead_letters)} dead letters")
        assert len(sandbox.dead_letters) <= dead


POLICY_SECONDS = sum(Backoff().first * 2**attempt for attempt in range(4)) + 5 * (MINUTE + HIDDEN_SECONDS[1])
"""The most that five attempts take, each after a tick, and hidden once more before it."""


@pytest.mark.parametrize("poison", [9, *slow(200, 500)])
@pytest.mark.parametrize("healthy", [0, 1], ids=["alone", "among healthy ones"])
def test_who_always_says_it_lives_no_longer_than_six_hours_and_its_policys_time(
    partner: Partners, poison: int, healthy: int, record_property: Record
) -> None:
    one = partner(takes=CALL_SECONDS, flow_control=True)

    one.send(poison, poison=True)
    one.send_each(20, healthy, 8 * HOUR)
    one.sandbox.run()

    waits = one.waits() or [0.0]
    middle, longest = waits[len(waits) // 2], waits[-1]
    oldest = max(one.lives())
    record_property(
        COUNTED,
        f"{poison} poison, {len(one.sent) - poison} healthy, {len(one.starts)} starts: "
        f"the oldest lived {oldest / HOUR:.2f} h; "
        f"healthy ones waited {middle:.0f} s, {longest / MINUTE:.0f} min at most",
    )
    assert len(one.sandbox.dead_letters) == poison
    assert oldest <= DEFAULT_LONGEST_SECONDS + POLICY_SECONDS
    assert longest <= DEFAULT_LONGEST_SECONDS + POLICY_SECONDS
