"""The hostile world's faults: what they do, and what they note for those who judge."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from tests.support import NOW, World, body_of

from shared.delivery import Batch, to_event
from shared.ports.queue import Outgoing, QueueError
from shared.ports.records import Counted, RecordsError
from zigzag_testing.faults import PROCESS, Crash, Faults, Unheld
from zigzag_testing.faulty_ports import FaultyQueue, FaultyRecords
from zigzag_testing.memory_lambda import MemoryLambda

KEY, OWNER = "greet#1", "0001"


class Scripted(Faults):
    """Strikes as told: the kinds in `always` each time, as late as can be."""

    def __init__(self, *always: str, heads: bool = True) -> None:
        super().__init__(_Heads() if heads else _Tails(), dict.fromkeys(always, 1.0))  # type: ignore[arg-type]


class _Heads:
    def random(self) -> float:
        return 0.0

    def uniform(self, least: float, most: float) -> float:
        return most


class _Tails(_Heads):
    def random(self) -> float:
        return 0.9


def count(world: World, records: FaultyRecords) -> Counted:
    return world.run(records.count(KEY, OWNER, world.clock.now()))


class TestSlow:
    @pytest.mark.parametrize(("heads", "there_after_15_s"), [(True, 0), (False, 1)], ids=["before", "after"])
    def test_a_call_takes_its_time_before_its_effect_or_after(
        self, world: World, heads: bool, there_after_15_s: int
    ) -> None:
        queue = FaultyQueue(world.queue, Scripted("call slow", heads=heads), world.clock, again=True)

        async def look() -> int:
            sending = asyncio.create_task(queue.send(Outgoing("{}")))
            await asyncio.sleep(15)
            there = len(world.queue)
            await sending
            return there

        assert world.run(look()) == there_after_15_s
        assert world.seconds() == 30

    def test_a_receives_lease_dates_from_the_answer_which_comes_later(self, world: World) -> None:
        world.send(body_of("greet"))
        queue = FaultyQueue(world.queue, Scripted("call slow", heads=False), world.clock, again=False)

        (delivery,) = world.run(queue.receive(1, 0, 120))

        assert delivery.lease is not None
        assert world.clock.now() - delivery.lease.received_at == 30


class TestLostAnswer:
    def test_the_call_is_sent_again(self, world: World) -> None:
        records = FaultyRecords(world.records, Scripted("call's answer lost", heads=False), world.clock)

        assert count(world, records) == Counted(1)
        assert len(world.records.calls) == 2

    def test_or_its_answer_is_lost_for_good_though_it_had_its_effect(self, world: World) -> None:
        faults = Scripted("call's answer lost")

        with pytest.raises(RecordsError):
            count(world, FaultyRecords(world.records, faults, world.clock))

        assert world.records.records[KEY].last == OWNER
        assert faults.unreached[KEY] == 1

    @pytest.mark.parametrize(("seconds", "visible_after"), [(60, 65), (2, 2)])
    def test_a_postponement_is_sent_again_after_a_while_but_not_after_its_own_time(
        self, world: World, seconds: int, visible_after: float
    ) -> None:
        queue = FaultyQueue(world.queue, Scripted("call's answer lost"), world.clock, again=True)
        delivery = world.delivered()

        with contextlib.suppress(QueueError):
            world.run(queue.change_visibility([delivery], seconds))

        assert world.queue.next_visible_at() == NOW + visible_after


@pytest.mark.parametrize(
    ("faults", "began", "crashed", "in_vain"),
    [
        pytest.param(["crash after a call"], False, True, [KEY], id="its process crashes before"),
        pytest.param(["call's answer lost"], False, False, [KEY], id="the answer is lost for good"),
        pytest.param([], False, False, [], id="no fault hits it"),
        pytest.param([], True, True, [], id="its process crashes in its task"),
    ],
)
def test_a_start_is_in_vain_if_it_was_recorded_and_a_fault_kept_it_from_its_tasks_first_line(
    world: World, faults: list[str], began: bool, crashed: bool, in_vain: list[str]
) -> None:
    scripted = Scripted(*faults)
    records = FaultyRecords(world.records, scripted, world.clock)

    with contextlib.suppress(Crash, RecordsError):
        count(world, records)
    if began:
        records.started()
    records.ended(crashed=crashed)

    assert [key for key, _ in scripted.in_vain] == in_vain


class TestUnheld:
    """Heartbeats that a fault hit."""

    @pytest.mark.parametrize("kind", ["call failed", "call slow", "entry failed", "call's answer lost"])
    def test_a_messages_by_its_process(self, world: World, kind: str) -> None:
        faults, delivery = Scripted(kind), world.delivered()
        queue = FaultyQueue(world.queue, faults, world.clock, again=True)

        async def beat() -> None:
            PROCESS.set(7)
            with contextlib.suppress(QueueError):
                await queue.change_visibility([delivery], 120)

        world.run(beat())

        unheld = faults.unheld[delivery.message_id][0]
        assert (unheld.process, unheld.of) == (7, delivery.message_id)

    def test_a_records(self, world: World) -> None:
        faults = Scripted("call failed")

        with pytest.raises(RecordsError):
            world.run(FaultyRecords(world.records, faults, world.clock).extend(KEY, OWNER, 0))

        now = world.clock.now()
        assert faults.unheld[KEY] == [Unheld(0, KEY, now, now)]

    def test_one_that_got_through_is_none(self, world: World) -> None:
        faults, delivery = Faults.none(), world.delivered()

        world.run(
            FaultyQueue(world.queue, faults, world.clock, again=True).change_visibility([delivery], 120)
        )

        assert not faults.unheld


def test_a_doubled_event_is_noted_for_each_message_in_it(world: World) -> None:
    faults = Scripted("event doubled")
    world.send(*["{}"] * 3)
    first, second, _ = world.receive()

    async def handler(event: Any, seconds_left: Any) -> None: ...

    async def dispatch() -> None:
        workers = MemoryLambda(handler, world.clock, timeout_seconds=60, faults=faults)
        await workers.dispatch([to_event(Batch((first, second)))])
        await workers.finish()

    world.run(dispatch())

    assert faults.doubled == {first.message_id: 1, second.message_id: 1}
