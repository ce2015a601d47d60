"""The breaker, as the consumer keeps it: one message a minute while it is shut, and slowly after that."""

from __future__ import annotations

import asyncio

import pytest
from tests.support import NOW, ScriptedWorkers, WatchedGates, World, delay, watch
from tests.unit.consumer.conftest import Tick, ticking

from consumer.flow.gated import TRY_SECONDS
from consumer.flow.opening import Opening
from shared.ports.breaker import DEFAULT_LONGEST_SECONDS, DEFAULT_TRIP, QUIET_SECONDS, Breaker, name_of
from shared.ports.gates import Rate
from shared.queues import DEFAULT

TEN = frozenset(f"{number:02x}" for number in range(DEFAULT_TRIP))
SHUT = Breaker(failing=TEN, since=NOW, last=NOW)


class TestIsShut:
    @pytest.mark.parametrize(
        ("breaker", "later", "shut"),
        [
            pytest.param(SHUT, 0, True, id="enough have said it"),
            pytest.param(SHUT._replace(failing=frozenset(sorted(TEN)[1:])), 0, False, id="one less"),
            pytest.param(SHUT._replace(trip=11), 0, False, id="fewer than its own rule says"),
            pytest.param(
                SHUT._replace(last=NOW + DEFAULT_LONGEST_SECONDS),
                DEFAULT_LONGEST_SECONDS - 1,
                True,
                id="for six hours",
            ),
            pytest.param(
                SHUT._replace(last=NOW + DEFAULT_LONGEST_SECONDS),
                DEFAULT_LONGEST_SECONDS,
                False,
                id="and no longer",
            ),
            pytest.param(SHUT._replace(longest=60.0), 60, False, id="or as its own rule says"),
            pytest.param(SHUT, QUIET_SECONDS + 1, True, id="though nobody says it any more"),
            pytest.param(
                SHUT._replace(begun=NOW - 14, patience=15), 0, False, id="not yet, while the rate is cut"
            ),
            pytest.param(
                SHUT._replace(begun=NOW - 15, patience=15), 0, True, id="after the cuts of the rate"
            ),
        ],
    )
    def test_by_what_was_said_and_when(self, breaker: Breaker, later: float, shut: bool) -> None:
        assert breaker.is_shut(NOW + later) is shut

    def test_the_name_of_any_message_is_short(self) -> None:
        names = {name_of(f"message {number}") for number in range(10_000)} | {name_of("\ud800")}

        assert {len(name) for name in names} == {2}
        assert len(names) == 256


class TestOpening:
    """How many may be received once a success has opened it?"""

    def test_in_each_second_twice_as_many_as_in_the_one_before(self) -> None:
        opening, breaker, through = Opening(), Breaker(opened=NOW), []

        for second in range(5):
            most = opening.most(1000, breaker, NOW + second)
            opening.let_through(most)
            through.append(most)

        assert through == [1, 2, 4, 8, 16]

    def test_after_ten_seconds_as_many_as_are_wanted(self) -> None:
        opening = Opening()
        opening.most(1, Breaker(opened=NOW), NOW)

        assert opening.most(2000, Breaker(opened=NOW), NOW + 10) == 2000

    @pytest.mark.parametrize(
        ("opening", "most"), [(Opening(60.0), 1), (Opening(), 2000)], ids=["server", "tick"]
    )
    def test_a_server_begins_slowly_again_and_a_tick_of_more_than_a_minute_does_not(
        self, opening: Opening, most: int
    ) -> None:
        opening.let_through(opening.most(1, Breaker(opened=NOW), NOW))

        assert opening.most(2000, Breaker(opened=NOW), NOW + 60) == most

    @pytest.mark.parametrize("opened", [0.0, NOW - 121])
    def test_long_after_that_it_is_open(self, opened: float) -> None:
        assert Opening().most(10, Breaker(opened=opened), NOW) == 10

    @pytest.mark.parametrize(("later", "most"), [(-1, 10), (0, 1), (9 * DEFAULT_LONGEST_SECONDS, 1)])
    def test_so_it_does_however_long_ago_its_longest_time_was_over_until_a_success(
        self, later: float, most: int
    ) -> None:
        breaker = SHUT._replace(since=NOW - DEFAULT_LONGEST_SECONDS - later)

        assert Opening().most(10, breaker, NOW) == most
        assert Opening().most(10, breaker._replace(failing=frozenset()), NOW) == 10

    def test_a_message_that_did_not_come_may_still_come(self) -> None:
        opening = Opening()
        opening.let_through(opening.most(10, Breaker(opened=NOW), NOW))
        opening.let_through(-1)

        assert opening.most(10, Breaker(opened=NOW), NOW) == 1


def fail(world: World, gates: WatchedGates, many: int) -> None:
    """Sends so many reports of messages whose service is unavailable."""
    for number in range(many):
        world.run(gates.unavailable(DEFAULT, f"{number:02x}", world.clock.now(), None))


def doubts(workers: ScriptedWorkers) -> list[str | None]:
    return [event["Lease"].get("Doubt") for event in workers.events]


class TestTick:
    def test_while_it_is_shut_one_message_goes_out_and_says_that_it_is_to_try(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send(*"abcde")
        fail(world, gates, DEFAULT_TRIP)
        workers = ScriptedWorkers()

        summary = tick(workers)

        assert (summary.received, summary.stopped) == (1, "unavailable")
        assert summary.went_well
        assert doubts(workers) == ["probe"]

    def test_one_goes_out_a_minute_however_many_consumers_there_are(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send(*"abcdefghij")
        fail(world, gates, DEFAULT_TRIP)
        workers = ScriptedWorkers()

        for _ in range(12):
            tick(workers)
            world.pass_time(20)

        assert len(workers.events) == 4

    def test_sqs_is_not_asked_what_is_in_flight_meanwhile(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send("a")
        fail(world, gates, DEFAULT_TRIP)

        tick(in_flight_cap=5)

        assert world.queue.asked("in_flight") == []

    @pytest.mark.parametrize("limit", ["rate", "cap"])
    def test_with_a_limit_as_well_both_hold(
        self, world: World, gates: WatchedGates, tick: Tick, limit: str
    ) -> None:
        world.send(*"abcde")
        world.run(gates.limit(DEFAULT, Rate(0.1, 10)) if limit == "rate" else gates.cap(DEFAULT, 5))
        fail(world, gates, DEFAULT_TRIP)
        workers = ScriptedWorkers()

        assert tick(workers).received == 1
        assert doubts(workers) == ["probe"]

    def test_tries_use_up_no_more_of_a_rates_burst_than_other_messages(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send(*"abcde")
        world.run(gates.limit(DEFAULT, Rate(3600, 10)))
        fail(world, gates, DEFAULT_TRIP)
        workers = ScriptedWorkers()

        for _ in range(3):
            tick(workers)
            world.pass_time(60)

        assert doubts(workers) == ["probe"] * 3

    def test_before_it_is_shut_all_go_out_and_are_told_that_some_have_failed(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send(*"abcde")
        fail(world, gates, DEFAULT_TRIP - 1)
        workers = ScriptedWorkers()

        tick(workers, batch_size=3)

        assert (doubts(workers), len(workers.events)) == (["failing", "failing"], 2)

    def test_without_reports_nothing_is_told_and_nothing_written(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send("a")
        workers = ScriptedWorkers()

        tick(workers)

        assert doubts(workers) == [None]
        assert gates.attributes[DEFAULT] == {}

    @pytest.mark.parametrize("at_once", [None, 30])
    def test_once_it_is_open_messages_go_out_slowly_at_first(
        self, world: World, gates: WatchedGates, tick: Tick, at_once: int | None
    ) -> None:
        world.send(*map(str, range(200)))
        if at_once:
            world.run(gates.cap(DEFAULT, at_once))
        fail(world, gates, DEFAULT_TRIP)
        world.run(gates.succeeded(DEFAULT, world.clock.now(), world.clock.now()))
        at: list[float] = []
        watch(world.queue, "receive", lambda received, *_: at.extend(world.seconds() for _ in received))

        assert tick().received == (at_once or 200)
        assert [sum(began < second for began in at) for second in (1, 2, 3, 4)] == [1, 3, 7, 15]

    def test_the_one_that_is_to_try_is_polled_for_as_often_as_any_and_no_longer(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.run(gates.limit(DEFAULT, Rate(0.1, 10)))
        fail(world, gates, DEFAULT_TRIP)
        delay(world, world.queue, "receive", before=1.5)

        summary = tick()

        assert (summary.polls, summary.stopped) == (1, "unavailable")
        assert world.seconds() < 3

    def test_a_try_is_not_kept_once_a_report_has_allowed_an_earlier_one(
        self, world: World, gates: WatchedGates
    ) -> None:
        # Given a consumer that has a try and no message, and another one; a report says to try again in 5 s
        fail(world, gates, DEFAULT_TRIP)
        world.do_in(1, lambda: gates.unavailable(DEFAULT, "ff", world.clock.now(), 5.0))
        for body in "abc":
            world.send_in(9.5, body)
        at: list[float] = []
        watch(world.queue, "receive", lambda received, *_: at.extend(world.seconds() for _ in received))

        async def ticks_from(second: float) -> None:
            await world.clock.sleep(second)
            await ticking(world, gates, watch_always=True)

        async def both() -> None:
            await asyncio.gather(ticks_from(0), ticks_from(3))

        world.run(both())

        assert at[0] < 11
        assert at[1:] == [] or at[1] >= at[0] + 5

    def test_a_try_for_which_no_message_came_is_not_kept_for_later(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        fail(world, gates, DEFAULT_TRIP)
        world.send_in(TRY_SECONDS + 5, "a")

        summary = tick(watch_always=True)

        assert (summary.received, summary.stopped) == (0, "unavailable")
        assert summary.polls > 5
