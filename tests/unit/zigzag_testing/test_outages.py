"""Services that are out of order for a while: what a call gets, when, and in which processes."""

from __future__ import annotations

import asyncio
import math
from random import Random
from typing import Any

import pytest
from tests.support import World, body_of

from shared.ports.queue import QueueError
from shared.ports.records import RecordsError
from shared.ports.workers import Meaning
from zigzag import task
from zigzag_testing import Sandbox
from zigzag_testing.faults import Faults
from zigzag_testing.faulty_ports import FaultyQueue, FaultyRecords
from zigzag_testing.memory_lambda import MemoryLambda
from zigzag_testing.outages import Outage, Outages

PATIENCE = 100.0


def with_outage(world: World, service: Any, how: Any, *, lasts: float = math.inf, **of: Any) -> Faults:
    faults = Faults(Random(0), {})
    faults.outages.plan([Outage(service, how, world.clock.now(), world.clock.now() + lasts, **of)])
    return faults


def queue_of(world: World, faults: Faults) -> FaultyQueue:
    return FaultyQueue(world.queue, faults, world.clock, again=False, patience_seconds=PATIENCE)


@pytest.mark.parametrize(("how", "seconds"), [("away", 0), ("refusing", 0), ("silent", PATIENCE)])
def test_a_call_fails_after_its_time_and_has_no_effect(world: World, how: str, seconds: float) -> None:
    world.send(body_of("greet"))
    faults = with_outage(world, "queue", how)

    with pytest.raises(QueueError):
        world.run(queue_of(world, faults).receive(1, 0, 120))

    assert world.seconds() == seconds
    assert world.run(world.queue.in_flight()) == 0
    assert faults.struck[f"queue {how}"] == 1


def test_a_call_to_a_slow_service_does_what_it_should(world: World) -> None:
    world.send(body_of("greet"))
    faults = with_outage(world, "queue", "slow", slow_seconds=7)

    assert len(world.run(queue_of(world, faults).receive(1, 0, 120))) == 1
    assert world.seconds() == 7


def test_one_service_says_nothing_of_another(world: World) -> None:
    faults = with_outage(world, "records", "away")
    records = FaultyRecords(world.records, faults, world.clock)

    assert world.run(queue_of(world, faults).in_flight()) == 0
    with pytest.raises(RecordsError):
        world.run(records.count("greet#1", "0001", world.clock.now()))
    assert faults.unreached["greet#1"] == 1


@pytest.mark.parametrize(
    ("how", "meaning"),
    [("away", Meaning.TRANSIENT), ("refusing", Meaning.DEFINITE), ("silent", Meaning.AMBIGUOUS)],
)
def test_every_invoke_has_the_answer_that_the_adapter_gives(world: World, how: str, meaning: Meaning) -> None:
    async def work(event: Any, seconds_left: Any) -> None:
        raise AssertionError("nothing arrives")

    workers = MemoryLambda(work, world.clock, timeout_seconds=60, faults=with_outage(world, "invoke", how))

    assert [answer.meaning for answer in world.run(workers.dispatch([b"{}", b"{}"]))] == [meaning, meaning]


def test_a_share_of_the_processes_has_it_each_for_all_its_calls() -> None:
    outages = Outages()
    outages.plan([Outage("queue", "away", 0, 100, share=0.2)])

    hit = [process for process in range(1000) if outages.of("queue", process, 50)]

    assert 150 < len(hit) < 250
    assert hit == [process for process in range(1000) if outages.of("queue", process, 51)]


def test_a_process_is_killed_at_its_time_out_though_a_heartbeat_is_not_answered() -> None:
    @task
    async def hang(payload: dict[str, Any]) -> None:
        sandbox.faults.poison("silent")
        await asyncio.sleep(60)

    with Sandbox({"hang": hang}, worker_timeout_seconds=10) as sandbox:
        hang.send({})
        sandbox.run_for(15)

        assert sandbox.workers.ended.total() == 1
