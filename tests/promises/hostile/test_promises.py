"""The promises hold, no matter what goes wrong: hypothesis looks for faults that break them.

Each example is a world with its own faults, in which tasks are sent and minutes pass in any order. Then
the faults end, the queue runs empty, and the trail that the tasks left is judged. Examples are the same
in every run.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from tests.conftest import COUNTED, Record
from tests.operators import Killed, Operator
from tests.promises.hostile import promises
from tests.promises.hostile.world import STRUCK, HostileWorld

from zigzag_operate import redrive
from zigzag_testing.faults import KINDS

CI = settings(
    stateful_step_count=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

RATES = st.sampled_from([0.0, 0.02, 0.1])
OFTEN = st.sampled_from([0.0, 0.2, 0.5])
STRIKES_OFTEN = {"event late", "old event kept", "clock off", "call slow"}
DOUBLING = {"event doubled"}
LOSING_LEASES = {"call failed", "call's answer lost", "entry failed"}
"""Faults that may keep a heartbeat from extending a lease."""


class Hostile(RuleBasedStateMachine):
    """A world on a standard queue, with every kind of fault.

    LEASES_HOLD -- no event is doubled, and no fault takes a lease away: then more is promised.
    QUEUES      -- the names and weights of more queues.
    TRIGGER     -- as the parameter Trigger.
    """

    FIFO = False
    TRIGGER = "schedule"
    QUEUES: ClassVar[dict[str, int]] = {}
    LEASES_HOLD = False

    def __init__(self) -> None:
        super().__init__()
        self.world: HostileWorld | None = None
        self.redrives_at_last = False

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        kinds = set(KINDS) - (DOUBLING | LOSING_LEASES if self.LEASES_HOLD else set())
        faults = {kind: data.draw(OFTEN if kind in STRIKES_OFTEN else RATES, kind) for kind in sorted(kinds)}
        self.world = HostileWorld(
            faults,
            seed=data.draw(st.integers(0, 2**32), "seed"),
            fifo=self.FIFO,
            queues=self.QUEUES,
            trigger=self.TRIGGER,
            concurrency=data.draw(st.sampled_from([None, 2, 5]), "concurrency"),
            batch_size=data.draw(st.sampled_from([1, 3, 10]), "deliveries per dispatch"),
            in_flight_cap=data.draw(st.sampled_from([0, 20]), "cap"),
            superseded_handles_act=data.draw(st.booleans(), "superseded handles act"),
            linger_seconds=data.draw(st.sampled_from([0, 10]), "linger"),
            watch_always=data.draw(st.booleans(), "watch always"),
            worker_timeout_seconds=data.draw(st.sampled_from([60, 900]), "worker timeout"),
        )
        self.redrives_at_last = data.draw(st.booleans(), "redrives at last")

    @rule(
        name=st.sampled_from(["plain", "once", "by_key"]),
        seconds=st.sampled_from([0, 1, 10, 50, 200, 500]),
        does=st.sampled_from(["well", "fails", "crashes", "rejects"]),
        times=st.sampled_from([1, 2, 3, 4, 99]),
        group=st.sampled_from(["a", "b", "c"]),
        copies=st.integers(1, 6),
        under_one_id=st.sampled_from([1, 1, 2, 3]),
    )
    def send(
        self, name: str, seconds: int, does: str, times: int, group: str, copies: int, under_one_id: int
    ) -> None:
        behaviour: dict[str, Any] = {} if does == "well" else {does: times}
        together = 1 if name == "plain" else under_one_id
        for _ in range(copies):
            self._there.send(
                name, group=group if self.FIFO else None, times=together, seconds=seconds, **behaviour
            )

    @rule()
    def send_bad(self) -> None:
        self._there.send_bad()

    @rule(minutes=st.integers(1, 5))
    def pass_minutes(self, minutes: int) -> None:
        self._there.sandbox.run_for(60 * minutes)

    @rule()
    def redrive(self) -> None:
        self._there.sandbox.redrive()

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            self.world.settle_down(redrives=self.redrives_at_last)
            STRUCK.update(self.world.faults.struck)
            self._judge(self.world)
        finally:
            self.world.close()

    def _judge(self, world: HostileWorld) -> None:
        promises.check_every_message_ended(world)
        promises.check_dead_letters_were_tried(world)
        promises.check_no_start_too_many(world)
        promises.check_nothing_done_is_repeated(world)
        promises.check_nothing_overlaps(world, plain=self.LEASES_HOLD)
        promises.check_nothing_is_hot(world)
        promises.check_the_audit(world)
        if self.LEASES_HOLD:
            promises.check_order_in_groups(world)

    @property
    def _there(self) -> HostileWorld:
        assert self.world is not None
        return self.world


class HostileInOrder(Hostile):
    FIFO = True


class WhileLeasesHold(Hostile):
    LEASES_HOLD = True


class HostileOfThreeQueues(Hostile):
    QUEUES: ClassVar = {"urgent": 6, "bulk": 1}


class HostileOfOperators(Hostile):
    """Operators redrive by the command, and are killed before, between and after their calls."""

    @rule(killed_at=st.sampled_from([None, None, "send", "send done", "delete done"]))
    def redrive(self, killed_at: str | None = None) -> None:
        def happens(call: str) -> None:
            if call == killed_at:
                raise Killed

        with suppress(Killed):
            redrive(Operator(self._there.sandbox, happens))  # type: ignore[arg-type]


class HostileOfOperatorsInOrder(HostileOfOperators):
    FIFO = True


class OfThreeQueuesWhileLeasesHold(WhileLeasesHold):
    QUEUES: ClassVar = {"urgent": 6, "bulk": 1}


class InOrderWhileLeasesHold(WhileLeasesHold):
    FIFO = True


class HostileByEvents(Hostile):
    TRIGGER = "events"


class HostileInOrderByEvents(HostileInOrder):
    TRIGGER = "events"


class WhileLeasesHoldByEvents(WhileLeasesHold):
    TRIGGER = "events"


class InOrderWhileLeasesHoldByEvents(InOrderWhileLeasesHold):
    TRIGGER = "events"


class OfBothTriggersWhileLeasesHold(WhileLeasesHold):
    """Deployments change the trigger while messages wait, are in flight and run."""

    @rule(trigger=st.sampled_from(["schedule", "events"]))
    def deploy(self, trigger: str) -> None:
        self._there.sandbox.trigger = trigger


WORLDS: dict[str, tuple[type[Hostile], int, int]] = {
    "nothing is lost, whatever goes wrong": (Hostile, 12, 40),
    "nothing is lost of a FIFO queue": (HostileInOrder, 10, 40),
    "nothing is lost of three queues": (HostileOfThreeQueues, 4, 15),
    "nothing overlaps of three queues": (OfThreeQueuesWhileLeasesHold, 1, 6),
    "nothing overlaps while leases hold": (WhileLeasesHold, 10, 20),
    "a FIFO queue is in order while leases hold": (InOrderWhileLeasesHold, 4, 15),
    "nothing is lost by an event source": (HostileByEvents, 3, 15),
    "nothing is lost of a FIFO queue by an event source": (HostileInOrderByEvents, 5, 15),
    "nothing is lost by an operator's redrive": (HostileOfOperators, 2, 15),
    "nothing is lost of a FIFO queue by an operator's redrive": (HostileOfOperatorsInOrder, 3, 15),
    "nothing overlaps by an event source": (WhileLeasesHoldByEvents, 10, 10),
    "a FIFO queue is in order by an event source": (InOrderWhileLeasesHoldByEvents, 3, 10),
    "nothing is lost or overlaps at a change of trigger": (OfBothTriggersWhileLeasesHold, 8, 15),
}
"""The worlds by their promise: the machine, its examples at each commit, and those with the slow tests."""


@pytest.mark.parametrize("promise", WORLDS)
def test_what_is_promised_holds(promise: str) -> None:
    machine, examples, _ = WORLDS[promise]
    run_state_machine_as_test(machine, settings=settings(CI, max_examples=examples))


@pytest.mark.slow
@pytest.mark.parametrize("promise", [name for name, (_, few, many) in WORLDS.items() if many > few])
def test_what_is_promised_holds_in_more_worlds(promise: str) -> None:
    machine, _, examples = WORLDS[promise]
    run_state_machine_as_test(machine, settings=settings(CI, max_examples=examples))


@pytest.mark.parametrize("kind", KINDS)
def test_this_kind_of_fault_has_struck_above(kind: str, record_property: Record) -> None:
    times = STRUCK[kind]
    record_property(COUNTED, f"{kind}: struck {times:,} times")

    assert times > 0
