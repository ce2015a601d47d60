"""A rate that finds itself, as the consumer keeps it: it grows with slots that are taken in a row."""

from __future__ import annotations

import pytest
from tests.support import NOW, WatchedGates, World
from tests.unit.consumer.conftest import Tick

from consumer.flow.cap import InFlightCap
from consumer.flow.flow import Slot
from consumer.flow.gated import GatesOfTicks
from consumer.flow.permits import taking_of
from consumer.flow.slots import REST_SECONDS, every_after
from shared.ports.auto import Auto
from shared.ports.breaker import CUTS_SECONDS, DEFAULT_TRIP, Breaker
from shared.ports.gates import Gate, Rate, gate_of
from shared.queues import DEFAULT, TaskQueue

RULE = Auto(60, 0.01, refused=1.0)
GATE = Gate(rate=Rate(0.5), auto=RULE, next=NOW)
TWO = (Slot(NOW, NOW + 2), Slot(NOW + 0.5, NOW + 2.5))
LEAST = 1e-6


class TestEveryAfter:
    """The time from slot to slot, once some are taken."""

    def test_it_is_less_after_slots_that_follow_each_other(self) -> None:
        assert every_after(GATE, TWO, NOW) == RULE.grown(0.5, 2) < 0.5

    @pytest.mark.parametrize(
        ("every", "rest", "grows"),
        [
            pytest.param(0.5, REST_SECONDS, True, id="a second is none"),
            pytest.param(0.5, REST_SECONDS + LEAST, False, id="but more"),
            pytest.param(30, 3, True, id="nor is a tenth of a slot"),
            pytest.param(30, 3 + LEAST, False, id="but more, of a slow rate"),
        ],
    )
    def test_after_a_rest_it_is_no_less(self, every: float, rest: float, grows: bool) -> None:
        gate = GATE._replace(rate=Rate(every), auto=RULE._replace(refused=every * 2))
        after = every_after(gate, TWO, NOW + rest)

        assert after is not None
        assert (after < every, after > every) == (grows, not grows)

    def test_it_stays_from_a_refusal_until_a_success(self) -> None:
        gate = GATE._replace(breaker=Breaker(failing=frozenset({"0a"}), begun=NOW))

        assert taking_of(gate, TWO, NOW).every is None

    @pytest.mark.parametrize(
        "gate", [GATE._replace(auto=None), Gate(at_once=3, next=NOW)], ids=["chosen", "none"]
    )
    def test_another_rate_stays(self, gate: Gate) -> None:
        assert every_after(gate, TWO, NOW) is None

    def test_the_next_slot_is_as_far_away_as_the_new_rate_says(self) -> None:
        taking = taking_of(GATE, TWO, NOW)

        assert taking.every is not None
        assert taking.next == TWO[-1].at + taking.every


class TestTick:
    @pytest.fixture
    def gates(self, world: World, gates: WatchedGates) -> WatchedGates:
        world.run(gates.limit(DEFAULT, Rate(0.5), RULE))
        return gates

    def test_slots_that_were_not_used_are_the_next_receives_though_the_rate_has_grown(
        self, world: World, gates: WatchedGates
    ) -> None:
        queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url)
        ticks = GatesOfTicks(gates, [queue], world.clock, world.random)
        (flow,) = ticks.before(InFlightCap([world.queue], 0).flows())
        flow.received(world.run(flow.may_receive()), 1)
        share = world.run(flow.may_receive())
        flow.received(share, 0)

        again = world.run(flow.may_receive())

        assert len(share.slots) > 1
        assert again.slots == share.slots

    def test_while_messages_wait_the_rate_grows(self, world: World, gates: WatchedGates, tick: Tick) -> None:
        world.send(*(str(number) for number in range(100)))

        summary = tick()

        rate = gate_of(gates.attributes[DEFAULT]).rate
        assert rate is not None
        first = RULE._replace(refused=0.5)
        assert rate.every == pytest.approx(first.grown(0.5, summary.dispatched), rel=0.02)

    def test_one_that_finds_nothing_leaves_it(self, world: World, gates: WatchedGates, tick: Tick) -> None:
        for _ in range(5):
            tick()
            world.run(world.clock.sleep(60))

        assert gate_of(gates.attributes[DEFAULT]).rate == Rate(0.5)


class TestIsShut:
    SHUT = Breaker(failing=frozenset(f"{number:02x}" for number in range(DEFAULT_TRIP)), since=NOW, last=NOW)

    @pytest.mark.parametrize(
        ("seconds", "shut"), [(CUTS_SECONDS - LEAST, False), (CUTS_SECONDS + LEAST, True)]
    )
    def test_only_once_the_rate_was_cut_some_times(self, seconds: float, shut: bool) -> None:
        assert self.SHUT._replace(begun=NOW, patience=CUTS_SECONDS).is_shut(NOW + seconds) is shut
        assert self.SHUT.is_shut(NOW + seconds)
