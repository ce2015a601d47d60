"""An exact cap, as the consumer keeps it: a permit a message, taken before the receive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support import NOW, ScriptedWorkers, WatchedGates, World, watch
from tests.unit.consumer.conftest import Tick, ticking

from consumer.flow.permits import CLAIM_SECONDS, MAX_DEAD, dead_of, open_slots, overdue_in
from consumer.summary import Summary
from shared.lease import BEAT_EVERY_SECONDS, PERMIT_SECONDS, SAFETY_SECONDS
from shared.ports.gates import Gate, GatesError, Rate
from shared.ports.workers import Meaning
from shared.queues import DEFAULT


class TestOpenSlots:
    """How many may be taken now?"""

    @pytest.mark.parametrize(
        ("held", "free"),
        [
            pytest.param({}, 3, id="all, where none is held"),
            pytest.param({"a": NOW + 1, "b": NOW}, 1, id="what is held is not free"),
            pytest.param({"a": NOW - 0.1, "b": NOW + 9}, 2, id="what has run out is"),
            pytest.param(dict.fromkeys("abcd", NOW + 9), 0, id="none, where the cap was more"),
            pytest.param(
                {str(number): NOW - 1 for number in range(MAX_DEAD + 2)}, 1, id="as far as it is taken off"
            ),
        ],
    )
    def test_by_what_is_held(self, held: Mapping[str, float], free: int) -> None:
        assert len(open_slots(Gate(at_once=3, held=held), "wxyz", NOW)) == free

    def test_no_more_than_are_wanted(self) -> None:
        assert [slot.permit for slot in open_slots(Gate(at_once=30), "xy", NOW)] == ["x", "y"]

    def test_with_a_rate_as_well_both_hold(self) -> None:
        slots = open_slots(Gate(rate=Rate(0.5), at_once=2, next=NOW), "wxyz", NOW)

        assert [(slot.at - NOW, slot.permit) for slot in slots] == [(0, "w"), (0.5, "x")]
        assert len(open_slots(Gate(rate=Rate(9), at_once=2, next=NOW), "wxyz", NOW)) == 1

    def test_a_worker_must_have_started_before_its_permit_ends_by_any_clock(self) -> None:
        (slot,) = open_slots(Gate(at_once=1), "x", NOW)

        assert slot.held_until == NOW + PERMIT_SECONDS
        assert slot.start_by == slot.held_until - SAFETY_SECONDS / 2

    def test_so_many_that_ran_out_are_taken_off_at_once(self) -> None:
        assert len(dead_of(Gate(held={str(number): NOW - 1 for number in range(99)}), NOW)) == MAX_DEAD

    def test_one_that_was_not_renewed_is_overdue(self) -> None:
        renewed = {"a": NOW + PERMIT_SECONDS - BEAT_EVERY_SECONDS}

        assert not overdue_in(Gate(held=renewed), NOW)
        assert overdue_in(Gate(held={**renewed, "b": NOW + 50}), NOW)


@pytest.fixture
def tick(world: World, gates: WatchedGates, tick: Tick) -> Tick:
    """Returns a call that runs one tick of a queue with a cap."""

    def with_a_cap(at_once: int, *given: Any, **options: Any) -> Summary:
        world.run(gates.cap(DEFAULT, at_once))
        return tick(*given, **options)

    return with_a_cap


def send(world: World, number: int) -> None:
    world.send(*(str(each) for each in range(number)))


class TestTick:
    def test_one_that_finds_nothing_takes_one_permit_and_gives_it_back(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        summary = tick(3)

        assert (summary.polls, summary.stopped) == (3, "queue empty")
        assert gates.calls == ["read", "swap", "release"]
        assert gates.held == {}

    def test_each_message_goes_out_by_itself_with_a_permit_that_is_held(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 5)
        workers = ScriptedWorkers()

        summary = tick(30, workers, batch_size=10)

        assert [len(batch) for batch in workers.batches] == [1] * 5
        assert {event["Lease"]["Permit"] for event in workers.events} == gates.held.keys()
        assert (summary.dispatched, summary.stopped) == (5, "queue empty")

    def test_no_more_go_out_than_there_are_permits(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 5)

        summary = tick(2)

        assert (summary.received, summary.dispatched, summary.stopped) == (2, 2, "out of time")
        assert summary.went_well
        assert len(gates.held) == 2

    def test_one_that_finds_all_held_waits_for_a_while(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 1)
        world.run(gates.cap(DEFAULT, 1))
        gates.held["a.1"] = NOW + PERMIT_SECONDS

        summary = tick(1)

        assert (summary.received, summary.stopped) == (0, "as many run at once as may")
        assert summary.went_well
        assert 20 <= world.seconds() <= 21

    def test_it_waits_on_for_a_permit_that_is_overdue(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 1)
        world.run(gates.cap(DEFAULT, 1))
        gates.held["a.1"] = NOW + 50

        summary = tick(1)

        assert summary.dispatched == 1
        assert "a.1" not in gates.held

    def test_sqs_is_not_asked_what_is_in_flight(self, world: World, tick: Tick) -> None:
        send(world, 12)
        world.queue.counts = 99

        summary = tick(30, in_flight_cap=1)

        assert summary.dispatched == 12
        assert world.queue.asked("in_flight") == []

    @pytest.mark.parametrize(
        ("meaning", "held"), [(Meaning.TRANSIENT, 0), (Meaning.DEFINITE, 0), (Meaning.AMBIGUOUS, 1)]
    )
    def test_the_permit_of_what_no_worker_got_is_given_back(
        self, world: World, gates: WatchedGates, tick: Tick, meaning: Meaning, held: int
    ) -> None:
        send(world, 1)

        tick(3, ScriptedWorkers(meaning))

        assert len(gates.held) == held, "where a worker may have it, it is not given back"

    def test_permits_that_were_taken_though_the_answer_was_lost_are_used(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 1)
        lost: list[object] = []

        def once(done: object, *asked: object) -> None:
            if not lost:
                lost.append(done)
                raise GatesError("in a test", Meaning.AMBIGUOUS)

        watch(gates, "swap", once)
        workers = ScriptedWorkers()

        tick(1, workers)

        assert [event["Lease"]["Permit"] for event in workers.events] == list(gates.held)

    def test_one_that_was_not_used_for_a_while_goes_with_no_message(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send_in(50, "late")
        workers = ScriptedWorkers()

        tick(1, workers, watch_always=True)

        (until,) = gates.held.values()
        assert until >= NOW + 50 + CLAIM_SECONDS

    def test_after_a_change_of_the_cap_no_permit_that_was_taken_before_is_used(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        # Given a tick that lingers, with the permits that its last receive did not use
        send(world, 1)
        world.do_in(5, lambda: gates.cap(DEFAULT, 2))
        for _ in range(8):
            world.send_in(8, "later")

        summary = tick(10, watch_always=True)

        assert summary.dispatched == 2
        assert len(gates.held) == 2

    def test_no_permit_is_taken_if_the_gate_is_paused_meanwhile(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        send(world, 1)
        gates.attributes[DEFAULT]["paused"] = NOW

        assert tick(1).stopped == "paused"
        assert gates.held == {}


def test_a_fifo_queue_takes_no_cap(gates: WatchedGates) -> None:
    world = World(".fifo")
    world.run(gates.cap(DEFAULT, 1))

    summary = world.run(ticking(world, gates))

    assert summary.stopped == "the gate of default has a cap, which a FIFO queue can't keep"
    world.close()
