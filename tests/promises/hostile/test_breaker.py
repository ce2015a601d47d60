"""A service that all tasks of a queue need is away: no attempt is used up, and nobody can abuse that."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from tests.conftest import COUNTED

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from shared.ports.breaker import DEFAULT_LONGEST_SECONDS, DEFAULT_TRIP, PROBE_SECONDS
from shared.ports.gates import gate_of
from shared.queues import DEFAULT
from worker.flow.breaker import HIDDEN_SECONDS
from zigzag import Backoff, Context, Unavailable, task
from zigzag_testing import Sandbox

MINUTE, HOUR = 60.0, 3600.0
CALL_SECONDS = 2.0
"""How long a call takes that fails."""


def slow(*cases: tuple[object, ...]) -> list[Any]:
    """Returns cases that `make test` need not wait for."""
    return [pytest.param(*case, marks=pytest.mark.slow) for case in cases]


class Partner:
    """A queue whose tasks call a partner.

    away    -- from when until when it does not answer, in seconds from the start.
    refuses -- the share of calls that it refuses at other times.
    starts  -- when each task began, its id, and whether it went well.
    sent    -- when each was sent, by its id.
    """

    def __init__(self, sandbox: Callable[..., Sandbox], away: tuple[float, float], **options: Any) -> None:
        self.away = away
        self.refuses = 0.0
        self._random = Random(1)
        self.starts: list[tuple[float, str, bool]] = []

        @task
        async def call(payload: dict[str, Any], context: Context) -> None:
            await self._call(payload, context)

        self.task = call
        self.sandbox = sandbox({"call": call}, **options)
        self._began = self.sandbox.clock.now()
        self.sent: dict[str, float] = {}

    async def _call(self, payload: dict[str, Any], context: Context) -> None:
        began = self.now()
        if payload.get("poison") or (payload.get("flaky") and context.attempt == 1):
            self.starts.append((began, context.id, False))
            raise Unavailable("as the payload says")
        await asyncio.sleep(CALL_SECONDS)
        well = not self.away[0] <= began < self.away[1] and self._random.random() >= self.refuses
        self.starts.append((began, context.id, well))
        if not well:
            raise Unavailable("the partner is away")

    def now(self) -> float:
        return self.sandbox.clock.now() - self._began

    def send(self, many: int = 1, **payload: Any) -> None:
        for _ in range(many):
            id = str(len(self.sent))
            self.sent[id] = self.now()
            self.task.send(payload, id=id)

    def send_each_second(self, many: int, seconds: float) -> None:
        """Sends so many a second, for so long."""
        for _ in range(int(seconds)):
            self.send(many)
            self.sandbox.run_for(1)

    def is_shut(self) -> bool:
        assert self.sandbox.gates is not None
        return gate_of(self.sandbox.gates.attributes[DEFAULT]).breaker.is_shut(self.sandbox.clock.now())

    def longest_life(self) -> float:
        """Returns the longest of all times from a send to the last start, in seconds."""
        last = {id: began for began, id, _ in self.starts}
        return max(last[id] - sent for id, sent in self.sent.items())

    def waits(self) -> list[float]:
        """Returns, of each that went well, the time from the send to its first start, in order."""
        first: dict[str, float] = {}
        for began, id, well in self.starts:
            if well:
                first.setdefault(id, began - self.sent[id])
        return sorted(first.values())


@pytest.fixture
def partner() -> Iterator[Callable[..., Partner]]:
    made: list[Partner] = []

    def make(away: tuple[float, float] = (0, 0), **options: Any) -> Partner:
        made.append(Partner(Sandbox, away, **options))
        made[-1].sandbox.__enter__()
        return made[-1]

    yield make
    for one in made:
        one.sandbox.__exit__(None, None, None)


AWAY = 2 * MINUTE, 32 * MINUTE
"""Half an hour."""


def first_success_after(one: Partner, moment: float) -> float:
    return min(began for began, _, well in one.starts if well and began >= moment) - moment


@pytest.mark.parametrize("linger_seconds", [0, 70])
def test_half_an_hours_outage_leaves_no_dead_letter(
    partner: Callable[..., Partner], linger_seconds: int, record_property: Callable[[str, object], None]
) -> None:
    # Given five messages a second, whose tasks have the default policy
    one = partner(AWAY, flow_control=True, linger_seconds=linger_seconds, in_flight_cap=0)

    # When the partner is away for half an hour
    one.send_each_second(5, 40 * MINUTE)
    one.sandbox.run()

    in_vain = sum(not well for _, _, well in one.starts)
    back = first_success_after(one, AWAY[1])
    record_property(
        COUNTED,
        f"half an hour at 5/s, linger {linger_seconds}: {len(one.sandbox.dead_letters)} dead letters, "
        f"{in_vain} starts in vain, first success after {back:.0f} s",
    )
    assert len(one.sandbox.dead_letters) == 0
    seen = CALL_SECONDS + 2 * LOOK_AGAIN_SECONDS
    burst = 5 * (3 * MINUTE if linger_seconds == 0 else 2 * seen)  # of two minutes, and the first ones again
    minutes = (AWAY[1] - AWAY[0]) / PROBE_SECONDS
    assert in_vain <= DEFAULT_TRIP + burst + minutes + 3
    assert back <= PROBE_SECONDS + MINUTE


def test_without_flow_control_it_leaves_thousands(
    partner: Callable[..., Partner], record_property: Callable[[str, object], None]
) -> None:
    one = partner(AWAY, in_flight_cap=0)

    one.send_each_second(1, 35 * MINUTE)
    one.sandbox.run()

    dead = len(one.sandbox.dead_letters)
    in_vain = sum(not well for _, _, well in one.starts)
    record_property(COUNTED, f"the same at 1/s without: {dead} dead letters, {in_vain} starts in vain")
    assert dead > 1000


@pytest.mark.parametrize("minutes", [30, 50])
def test_single_failures_of_the_hours_before_do_not_count_as_an_outage(
    partner: Callable[..., Partner], minutes: int
) -> None:
    # Given a partner that fails once in a while, for longer than a queue is shut
    began = DEFAULT_LONGEST_SECONDS + 2 * HOUR
    one = partner((began, began + HOUR / 2), flow_control=True, linger_seconds=70, in_flight_cap=0)
    for number in range(int(began / MINUTE)):
        one.send(flaky=number % minutes == 0)
        one.sandbox.run_for(MINUTE)

    # When it is away for half an hour
    one.send_each_second(1, HOUR / 2)
    one.sandbox.run()

    assert len(one.sandbox.dead_letters) == 0


@pytest.mark.parametrize(
    ("share", "linger_seconds"), [(0.1, 0), (0.4, 70), *slow((0.1, 70), (0.2, 0), (0.2, 70), (0.4, 0))]
)
def test_a_partner_that_refuses_a_share_of_the_calls_gets_them_all(
    partner: Callable[..., Partner],
    share: float,
    linger_seconds: int,
    record_property: Callable[[str, object], None],
) -> None:
    one = partner(flow_control=True, linger_seconds=linger_seconds, in_flight_cap=0)
    one.refuses = share

    shut = 0
    for _ in range(int(10 * MINUTE)):
        one.send(5)
        one.sandbox.run_for(1)
        shut += one.is_shut()

    well = sum(well for _, _, well in one.starts)
    record_property(
        COUNTED, f"{share:.0%} refused, linger {linger_seconds}: {well} of 3,000 done, shut for {shut} s"
    )
    assert shut <= 10 * (CALL_SECONDS + 1), "a wave of each minute fails before the first of it succeeds"
    assert well >= 0.85 * len(one.sent)


def test_a_partner_that_does_not_answer_is_away_as_well() -> None:
    starts: list[int] = []

    @task(timeout=20, unavailable=(ConnectionError, TimeoutError))
    async def hanging(payload: dict[str, Any]) -> None:
        starts.append(payload["number"])
        await asyncio.sleep(HOUR)

    with Sandbox({"hanging": hanging}, flow_control=True, linger_seconds=70, in_flight_cap=0) as sandbox:
        for number in range(300):
            hanging.send({"number": number})
            sandbox.run_for(2)
        sandbox.run_for(HOUR / 2)

        assert list(sandbox.dead_letters) == []
        assert len(starts) < 100


@pytest.mark.parametrize("hours", [0.5, 2, 7])
def test_after_a_pause_within_an_outage_the_queue_opens_slowly_as_well(
    partner: Callable[..., Partner], hours: float
) -> None:
    # Given a queue that is paused while it is shut
    one = partner((0, 2 * MINUTE), flow_control=True, linger_seconds=70, in_flight_cap=0)
    one.send_each_second(1, MINUTE)
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
    groups: int, trip: int, dead: int, record_property: Callable[[str, object], None]
) -> None:
    away = [True]

    @task
    async def call(payload: dict[str, Any]) -> None:
        await asyncio.sleep(CALL_SECONDS)
        if away[0]:
            raise Unavailable("the partner is away")

    with Sandbox({"call": call}, fifo=True, flow_control=True, linger_seconds=70) as sandbox:
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


@pytest.mark.parametrize("poison", [9, *slow((200,), (500,))])
@pytest.mark.parametrize("healthy", [0, 1], ids=["alone", "among healthy ones"])
def test_who_always_says_it_lives_no_longer_than_six_hours_and_its_policys_time(
    partner: Callable[..., Partner],
    poison: int,
    healthy: int,
    record_property: Callable[[str, object], None],
) -> None:
    one = partner(flow_control=True, in_flight_cap=0)

    one.send(poison, poison=True)
    for _ in range(int(8 * HOUR / 20)):
        one.send(healthy)
        one.sandbox.run_for(20)
    one.sandbox.run()

    waits = one.waits() or [0.0]
    middle, longest = waits[len(waits) // 2], waits[-1]
    record_property(
        COUNTED,
        f"{poison} poison, {len(one.sent) - poison} healthy, {len(one.starts)} starts: "
        f"the oldest lived {one.longest_life() / HOUR:.2f} h; "
        f"healthy ones waited {middle:.0f} s, {longest / MINUTE:.0f} min at most",
    )
    assert len(one.sandbox.dead_letters) == poison
    assert one.longest_life() <= DEFAULT_LONGEST_SECONDS + POLICY_SECONDS
    assert longest <= DEFAULT_LONGEST_SECONDS + POLICY_SECONDS
