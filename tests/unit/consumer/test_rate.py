"""A rate: how often tasks of a queue start, over all consumers. A slot a message, before its receive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import NOW, ScriptedWorkers, WatchedGates, World, delay
from tests.unit.consumer.conftest import Tick, ticking

from consumer.flow.cap import InFlightCap
from consumer.flow.flow import Flow, Slot
from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.flow.gated import MAX_NAP_SECONDS, GatesOfTicks
from consumer.flow.slots import AHEAD_SECONDS, LATE_SECONDS, slots_of
from consumer.summary import Summary
from shared.ports.gates import Gate, Rate
from shared.ports.workers import Meaning
from shared.queues import DEFAULT, TaskQueue

TEN = Rate(0.1, 10)
ONE_A_MINUTE = Rate(60)


class TestSlots:
    """Which may be taken now?"""

    @pytest.mark.parametrize(
        ("rate", "next", "want", "at"),
        [
            pytest.param(Rate(1, 1), 0, 10, [0, 1], id="none is more than a second ahead"),
            pytest.param(Rate(0.25, 1), 0, 3, [0, 0.25, 0.5], id="no more than are wanted"),
            pytest.param(Rate(1, 3), -99, 10, [-2, -1, 0, 1], id="after a rest, as many at once as a burst"),
            pytest.param(Rate(1, 3), -1, 10, [-1, 0, 1], id="less of it, where some were taken"),
            pytest.param(Rate(1, 1), 0.5, 10, [0.5], id="behind those that were taken"),
            pytest.param(Rate(60, 1), 1.5, 10, [], id="the next one is not near"),
        ],
    )
    def test_by_the_rate_and_what_was_taken(
        self, rate: Rate, next: float, want: int, at: list[float]
    ) -> None:
        slots = slots_of(Gate(rate=rate, next=NOW + next), rate, NOW, want)

        assert [slot.at - NOW for slot in slots] == at

    def test_a_worker_may_start_two_seconds_late_or_one_slot(self) -> None:
        for rate, late in ((Rate(0.5, 1), LATE_SECONDS), (Rate(60, 1), 60)):
            assert slots_of(Gate(next=NOW), rate, NOW, 1) == (Slot(NOW, NOW + late),)

    def test_the_time_of_one_that_is_past_runs_from_now(self) -> None:
        first, *_ = slots_of(Gate(), Rate(1, 5), NOW, 5)

        assert first == Slot(NOW - 4, NOW + LATE_SECONDS)


def next_of(gates: WatchedGates) -> float:
    """Returns the next slot, in seconds from the start."""
    return float(gates.attributes[DEFAULT].get("next", 0.0)) - NOW


def take(gates: WatchedGates) -> None:
    """Takes a slot, as another consumer does."""
    gate = gates.attributes[DEFAULT]
    gate["rev"] += 1.0
    gate["next"] = max(next_of(gates), 0.0) + NOW + gate["every"] / 1000


def before_swap(number: int, gates: WatchedGates, does: Callable[[WatchedGates], None]) -> None:
    """Lets something happen before that swap, counted from 1."""
    swap = gates.swap

    async def after_that(*asked: Any) -> Any:
        if gates.calls.count("swap") == number - 1:
            does(gates)
        return await swap(*asked)

    gates.swap = after_that  # type: ignore[method-assign]


@pytest.fixture
def tick(world: World, gates: WatchedGates, tick: Tick) -> Tick:
    """Returns a call that runs one tick of a queue with a rate."""

    def with_a_rate(rate: Rate, *given: Any, **options: Any) -> Summary:
        world.run(gates.limit(DEFAULT, rate))
        return tick(*given, **options)

    return with_a_rate


def send(world: World, number: int) -> None:
    world.send(*(str(each) for each in range(number)))


def dispatched_at(world: World, workers: ScriptedWorkers) -> list[float]:
    """Returns when each event goes out, in seconds from the start, as they come."""
    at: list[float] = []
    dispatch = workers.dispatch

    async def noting(events: Any) -> Any:
        at.extend(world.seconds() for _ in events)
        return await dispatch(events)

    workers.dispatch = noting  # type: ignore[method-assign]
    return at


class TestTick:
    def test_messages_go_out_at_their_slots_each_by_itself(self, world: World, tick: Tick) -> None:
        send(world, 30)
        workers = ScriptedWorkers()
        at = dispatched_at(world, workers)

        tick(Rate(0.5, 3), workers, batch_size=10)

        assert [len(batch) for batch in workers.batches] == [1] * 30
        for number, began in enumerate(at):
            assert began >= 0.5 * (number - 2) - 1e-6, f"message {number} went out after {began} s"

    def test_an_event_says_until_when_its_worker_may_start(self, world: World, tick: Tick) -> None:
        send(world, 4)
        workers = ScriptedWorkers()

        tick(Rate(0.5, 1), workers)

        leases = [event["Lease"] for event in workers.events]
        assert [round(one["StartBy"] - NOW, 3) for one in leases] == [2.0, 2.5, 3.0, 3.5]
        assert {one["Ends"] - one["ReceivedAt"] for one in leases} == {120}

    def test_a_tick_that_finds_nothing_takes_one_slot_and_gives_it_back(
        self, gates: WatchedGates, tick: Tick
    ) -> None:
        summary = tick(ONE_A_MINUTE)

        assert (summary.polls, summary.stopped) == (3, "queue empty")
        assert gates.calls == ["read", "swap", "swap"]
        assert next_of(gates) == 0

    def test_a_slot_that_another_one_took_since_is_not_given_back(
        self, gates: WatchedGates, tick: Tick
    ) -> None:
        before_swap(2, gates, take)

        tick(ONE_A_MINUTE)

        assert next_of(gates) == 120, "its own, which is lost, and the other one's"

    def test_of_what_a_receive_did_not_use_the_rest_is_given_back(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 3)

        tick(Rate(0.25, 10))

        # As if it had taken three of the burst: the next one is the fourth
        assert next_of(gates) == pytest.approx(-9 * 0.25 + 3 * 0.25)

    def test_a_consumer_decides_again_if_another_one_was_quicker(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 1)

        before_swap(1, gates, take)
        workers = ScriptedWorkers()
        at = dispatched_at(world, workers)

        tick(Rate(5), workers)

        assert at == [pytest.approx(5, abs=0.5)]

    def test_a_slot_that_is_not_near_is_the_next_ticks(self, world: World, tick: Tick) -> None:
        send(world, 2)

        summary = tick(Rate(120))

        assert (summary.dispatched, summary.stopped) == (1, "rate reached")
        assert summary.went_well
        assert world.seconds() < 2

    def test_one_that_is_near_is_waited_for(self, world: World, tick: Tick) -> None:
        send(world, 3)

        assert tick(Rate(8)).dispatched == 3

    def test_while_one_is_waited_for_the_gate_is_read_seldom(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 2)

        assert tick(Rate(50)).dispatched == 2
        assert gates.calls.count("read") <= 50 / MAX_NAP_SECONDS + 10

    def test_the_cap_holds_as_well(self, world: World, tick: Tick) -> None:
        send(world, 100)

        summary = tick(Rate(0.1, 3), in_flight_cap=20)

        assert (summary.dispatched, summary.stopped) == (20, "in-flight cap reached")

    def test_a_message_that_is_too_late_for_its_slot_is_not_sent(self, world: World, tick: Tick) -> None:
        send(world, 1)
        delay(world, world.queue, "receive", after=LATE_SECONDS + AHEAD_SECONDS)
        workers = ScriptedWorkers()

        summary = tick(Rate(0.5), workers)

        assert (workers.events, summary.released) == ([], 1)

    def test_the_slot_of_what_no_worker_got_is_the_next_messages(self, world: World, tick: Tick) -> None:
        send(world, 2)

        summary = tick(Rate(3600), ScriptedWorkers(Meaning.TRANSIENT))

        assert (summary.released, summary.dispatched) == (1, 1)

    @pytest.mark.parametrize(
        ("meaning", "next"), [(Meaning.TRANSIENT, 0), (Meaning.DEFINITE, 0), (Meaning.AMBIGUOUS, 3600)]
    )
    def test_if_no_message_comes_it_is_given_back(
        self, world: World, gates: WatchedGates, tick: Tick, meaning: Meaning, next: float
    ) -> None:
        send(world, 1)

        tick(Rate(3600), ScriptedWorkers(meaning))

        assert next_of(gates) == next, "where a worker may have it, it is not given back"


def test_a_tick_tells_the_limits_that_it_saw_and_nothing_if_it_saw_none(
    world: World, gates: WatchedGates
) -> None:
    queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url)
    ticks = GatesOfTicks(gates, [queue], world.clock, world.random)
    told = []
    for rate, at_once, broken in (
        (None, None, {}),
        (Rate(60, 10), 5, {}),
        (None, None, {"read": Meaning.DEFINITE}),
    ):
        world.run(gates.limit(DEFAULT, rate))
        world.run(gates.cap(DEFAULT, at_once))
        gates.broken = broken
        (flow,) = ticks.before(InFlightCap([world.queue], 0).flows())
        told.append(ticks.limits())
        world.run(flow.may_receive())
        told.append(ticks.limits())

    assert told == [None, {}, None, {DEFAULT: {"at_once": 5, "every": 60, "burst": 10}}, None, None]


def test_a_tick_tells_the_limits_that_it_received_by_though_a_later_read_fails(
    world: World, gates: WatchedGates
) -> None:
    queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url)
    ticks = GatesOfTicks(gates, [queue], world.clock, world.random)
    world.run(gates.cap(DEFAULT, 5))
    (flow,) = ticks.before(InFlightCap([world.queue], 0).flows())
    world.run(flow.may_receive())

    gates.broken = {"read": Meaning.DEFINITE}
    world.run(world.clock.sleep(2))

    assert world.run(flow.may_receive()).most == 0
    assert ticks.limits() == {DEFAULT: {"at_once": 5}}


class TestChange:
    """An operator changes the rate during a tick, which has slots left."""

    @pytest.fixture
    def flow(self, world: World, gates: WatchedGates) -> Flow:
        """A flow whose first message has come, so that it takes as many slots as it can."""
        world.run(gates.limit(DEFAULT, Rate(60, 10)))
        queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url)
        ticks = GatesOfTicks(gates, [queue], world.clock, world.random)
        (flow,) = ticks.before(InFlightCap([world.queue], 0).flows())
        flow.received(world.run(flow.may_receive()), 1)
        return flow

    def change(self, world: World, gates: WatchedGates) -> None:
        world.run(gates.limit(DEFAULT, Rate(3600)))
        world.pass_time(LOOK_AGAIN_SECONDS + 0.1)

    def test_slots_that_were_taken_before_it_are_not_used(
        self, world: World, gates: WatchedGates, flow: Flow
    ) -> None:
        flow.received(world.run(flow.may_receive()), 0)

        self.change(world, gates)

        assert world.run(flow.may_receive()).most == 1

    def test_nor_are_those_of_a_receive_that_ends_after_it(
        self, world: World, gates: WatchedGates, flow: Flow
    ) -> None:
        # Given a receive under way, while another one takes a slot by the new rate
        under_way = world.run(flow.may_receive())
        self.change(world, gates)
        flow.received(world.run(flow.may_receive()), 1)

        flow.received(under_way, 0)

        assert len(under_way.slots) == 9
        assert world.run(flow.may_receive()).most == 0
        world.run(flow.end())
        assert next_of(gates) == pytest.approx(1.1 + 3600), "nor are they given back"


class TestRefused:
    def test_a_fifo_queue_takes_no_rate(self, gates: WatchedGates) -> None:
        world = World(".fifo")
        world.run(gates.limit(DEFAULT, TEN))

        summary = world.run(ticking(world, gates))

        assert summary.stopped == "the gate of default has a rate, which a FIFO queue can't keep"
        assert not summary.went_well
        world.close()

    def test_a_pause_that_comes_between_is_seen(self, world: World, gates: WatchedGates, tick: Tick) -> None:
        send(world, 1)
        before_swap(1, gates, lambda gates: gates.attributes[DEFAULT].update(paused=NOW))

        summary = tick(TEN)

        assert (summary.received, summary.stopped) == (0, "paused")

    @pytest.mark.parametrize(
        ("meaning", "swaps", "stopped"),
        [
            (Meaning.DEFINITE, 1, "refused"),
            (Meaning.TRANSIENT, 3, "transient 3 times in a row"),
            (Meaning.AMBIGUOUS, 3, "ambiguous 3 times in a row"),
        ],
    )
    def test_nothing_is_received_if_no_slot_can_be_taken(
        self, world: World, gates: WatchedGates, tick: Tick, meaning: Meaning, swaps: int, stopped: str
    ) -> None:
        send(world, 1)
        gates.broken["swap"] = meaning

        summary = tick(TEN)

        said = f"writes to the gate of default {stopped}: AccessDenied: in a test"
        assert summary == Summary(stopped=said)
        assert gates.calls.count("swap") == swaps
        assert not summary.went_well
