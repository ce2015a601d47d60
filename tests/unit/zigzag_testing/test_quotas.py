"""An account's quotas: what goes beyond them is refused or waits, and the first that was met is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import World

from shared.ports.gates import GatesError, Taking
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Meaning
from zigzag_testing.bounded import GATE_BYTES, PERMIT_BYTES, UNIT_BYTES, BoundedGates, BoundedQueue
from zigzag_testing.memory_lambda import MemoryLambda
from zigzag_testing.quotas import CONCURRENCY, IN_FLIGHT, INVOKES, WRITES, Quotas


def function(world: World, quotas: Quotas, seconds: float, started: list[float]) -> MemoryLambda:
    """Returns a function whose invocations take so long, and note when they start."""

    async def handler(event: Any, seconds_left: Callable[[], float]) -> None:
        started.append(world.seconds())
        await asyncio.sleep(seconds)

    return MemoryLambda(handler, world.clock, timeout_seconds=60, quotas=quotas)


def test_invokes_beyond_the_quota_of_a_second_are_throttled_until_the_next_one(world: World) -> None:
    quotas = Quotas(invokes=3)
    workers = function(world, quotas, 0, [])

    async def two_seconds() -> list[list[Meaning]]:
        seconds = [await workers.dispatch([b"{}"] * 5)]
        await asyncio.sleep(1)
        seconds.append(await workers.dispatch([b"{}"] * 2))
        await workers.finish()
        return [[answer.meaning for answer in answers] for answers in seconds]

    sent, throttled = Meaning.SENT, Meaning.TRANSIENT
    assert world.run(two_seconds()) == [[sent] * 3 + [throttled] * 2, [sent] * 2]
    assert quotas.first_met == INVOKES


def test_by_default_it_is_ten_times_the_concurrent_executions(world: World) -> None:
    quotas = Quotas(concurrency=2)

    assert [quotas.use(INVOKES, 0.0) for _ in range(21)] == [True] * 20 + [False]


def test_all_functions_share_the_concurrent_executions_and_what_waits_starts_when_one_ends(
    world: World,
) -> None:
    quotas = Quotas(concurrency=2, invokes=100)
    first: list[float] = []
    second: list[float] = []
    one, other = function(world, quotas, 5, first), function(world, quotas, 1, second)

    async def both() -> None:
        await one.dispatch([b"{}"] * 2)
        await other.dispatch([b"{}"])
        await asyncio.sleep(10)

    world.run(both())
    assert (first, second) == ([0, 0], [5])
    assert quotas.first_met == CONCURRENCY


def test_beyond_the_messages_in_flight_a_receive_is_refused(world: World) -> None:
    quotas = Quotas(in_flight=15)
    queue = BoundedQueue(quotas, world.clock)

    async def receives() -> None:
        for _ in range(20):
            await queue.send(Outgoing("{}"))
        await queue.receive(5, 0, 60)
        assert quotas.first_met == "none"
        await queue.receive(10, 0, 60)
        with pytest.raises(QueueError, match="OverLimit"):
            await queue.receive(1, 0, 60)

    world.run(receives())
    assert quotas.first_met == IN_FLIGHT


@pytest.mark.parametrize(
    ("permits", "writes"),
    [
        pytest.param(1, 10, id="a unit each"),
        pytest.param((UNIT_BYTES - GATE_BYTES) // PERMIT_BYTES, 10, id="the most permits in a unit"),
        pytest.param((UNIT_BYTES - GATE_BYTES) // PERMIT_BYTES + 1, 5, id="one more: two units each"),
    ],
)
def test_a_write_of_a_gate_needs_a_unit_for_each_kilobyte(world: World, permits: int, writes: int) -> None:
    quotas = Quotas(writes=10)
    gates = BoundedGates(quotas, world.clock)
    world.run(gates.cap("default", 1))
    gates.attributes["default"]["held"] = {f"{number:08x}": 1.8e9 for number in range(permits)}

    async def write() -> int:
        for number in range(100):
            try:
                await gates.renew("default", "00000000", 1.9e9)
            except GatesError:
                return number
        return 100

    assert world.run(write()) == writes
    assert quotas.first_met == WRITES


def test_each_item_has_units_of_its_own(world: World) -> None:
    gates = BoundedGates(Quotas(writes=1), world.clock)

    world.run(gates.swap("default", 0, Taking()))
    world.run(gates.swap("bulk", 0, Taking()))
    with pytest.raises(GatesError, match="Throttling"):
        world.run(gates.swap("bulk", 1, Taking()))


def test_the_quota_that_was_met_first_is_told() -> None:
    quotas = Quotas(concurrency=1, writes=1)
    assert quotas.first_met == "none"

    quotas.note(WRITES, 20.0)
    quotas.note(INVOKES, 10.0)
    quotas.note(INVOKES, 30.0)

    assert quotas.first_met == INVOKES
    assert quotas.met == {WRITES: 20.0, INVOKES: 10.0}


def test_without_quotas_only_sqss_own_is_met(world: World) -> None:
    quotas = Quotas.none()

    assert all(quotas.use(quota, 0.0) for quota in (INVOKES, WRITES) for _ in range(100_000))
    assert quotas.in_flight == 120_000
