"""The permit of a batch: who has none starts nothing, and who loses it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NoReturn

import pytest
from tests.support import NOW, World, delay
from tests.unit.worker.conftest import Bench

from shared.delivery import Batch, Delivery
from shared.lease import BEAT_EVERY_SECONDS, PERMIT_SECONDS, Lease
from shared.ports.gates import HELD, GatesError, Taking
from shared.queues import DEFAULT
from worker.flow.permit import ENDING_SECONDS, OWN_SECONDS
from worker.result import Report
from zigzag_testing.faults import Crash
from zigzag_testing.memory_gates import MemoryGates

PERMIT = "a1b2c3d4"


class Gates(MemoryGates):
    """They remember what a worker asked of them, and when; `broken` are those calls that fail."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.calls: list[tuple[str, float]] = []
        self.broken: set[str] = set()

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        self._note("claim")
        return await super().claim(queue, permit, own, now, until)

    async def renew(self, queue: str, own: str, until: float) -> bool:
        self._note("renew")
        return await super().renew(queue, own, until)

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        self._note("release")
        await super().release(queue, permits)

    def _note(self, call: str) -> None:
        self.calls.append((call, self._world.seconds()))
        if call in self.broken:
            raise GatesError("AccessDenied: in a test")

    @property
    def held(self) -> dict[str, float]:
        found: dict[str, float] = self.attributes[DEFAULT][HELD]
        return found


@pytest.fixture
def world(bench: Bench) -> World:
    """Returns the world that the bench is."""
    return bench


@pytest.fixture
def gates(world: World) -> Gates:
    gates = Gates(world)
    world.run(gates.cap(DEFAULT, 1))
    world.run(gates.swap(DEFAULT, 1, Taking(takes={PERMIT: NOW + PERMIT_SECONDS})))
    return gates


def delivery(world: World, body: str, *, start_by: float = 90, permit: str = PERMIT) -> Delivery:
    """Returns a message that was received with that permit."""
    one = world.delivered(body)
    return Delivery(one.message, one.queue_url, Lease(NOW, NOW + start_by, NOW + 120, permit))


def work(bench: Bench, gates: Gates | None, *deliveries: Delivery, seconds_left: float = 900) -> list[Report]:
    return bench.run(working(bench, gates, *deliveries, seconds_left=seconds_left))


async def working(
    bench: Bench, gates: Gates | None, *deliveries: Delivery, seconds_left: float = 900
) -> list[Report]:
    world = bench
    worker = world.worker(bench.table, host=bench.host, gates=None if gates is None else (gates, gates))
    ends_at = world.clock.now() + seconds_left
    return await worker.work(Batch(deliveries), lambda: ends_at - world.clock.now())


def plain(**does: object) -> str:
    pairs = ", ".join(f'"{name}": {value}' for name, value in does.items())
    return f'{{"task": "plain", "payload": {{{pairs}}}}}'


def test_it_is_claimed_before_a_task_starts_and_given_back_once_all_is_settled(
    world: World, bench: Bench, gates: Gates
) -> None:
    (report,) = work(bench, gates, delivery(world, plain(seconds=4)))

    assert (report.outcome, report.settled) == ("succeeded", True)
    assert gates.calls == [("claim", 0.0), ("release", 4.0)]
    assert gates.held == {}
    assert len(world.queue) == 0


def test_it_is_renewed_as_long_as_the_task_runs(world: World, bench: Bench, gates: Gates) -> None:
    (report,) = work(bench, gates, delivery(world, plain(seconds=300)))

    assert report.outcome == "succeeded"
    renewed = [at for call, at in gates.calls if call == "renew"]
    assert renewed == [BEAT_EVERY_SECONDS * number for number in range(1, 8)]


def test_of_two_workers_of_one_event_one_starts_its_task(world: World, bench: Bench, gates: Gates) -> None:
    one = delivery(world, plain(seconds=4))

    async def both() -> list[list[Report]]:
        return await asyncio.gather(working(bench, gates, one), working(bench, gates, one))

    reports = world.run(both())

    assert sorted(report.outcome for (report,) in reports) == ["left alone", "succeeded"]
    assert len(bench.began) == 1
    assert gates.held == {}


@pytest.mark.parametrize("later", [0, 4])
def test_one_that_is_not_held_any_more_starts_nothing(
    world: World, bench: Bench, gates: Gates, later: float
) -> None:
    one = delivery(world, plain())
    if later:
        world.run(gates.release(DEFAULT, [PERMIT]))
        world.pass_time(later)
    else:
        gates.held[PERMIT] = NOW - 1

    (report,) = work(bench, gates, one)

    assert (report.outcome, report.settled, bench.began) == ("left alone", False, [])
    assert report.reason == "not started: its permit has ended, or another worker has it"
    assert len(world.queue) == 1


def test_where_it_cannot_be_had_nothing_starts(world: World, bench: Bench, gates: Gates) -> None:
    gates.broken = {"claim"}

    (report,) = work(bench, gates, delivery(world, plain()))

    assert (report.outcome, bench.began) == ("left alone", [])
    assert report.reason == "not started: its permit can't be had: AccessDenied: in a test"
    assert gates.held == {}, "it may have been claimed all the same"


def test_what_starts_too_late_gives_it_back(world: World, bench: Bench, gates: Gates) -> None:
    one = delivery(world, plain(), start_by=2)
    world.pass_time(3)

    (report,) = work(bench, gates, one)

    assert (report.outcome, bench.began, gates.held) == ("left alone", [], {})


@pytest.mark.parametrize("how", ["it can't be renewed", "it was taken off the gate"])
def test_the_process_ends_before_another_one_may_have_it(
    world: World, bench: Bench, gates: Gates, how: str
) -> None:
    one = delivery(world, plain(seconds=300))
    if how == "it can't be renewed":
        gates.broken = {"renew"}
        ends = OWN_SECONDS
    else:
        ends = BEAT_EVERY_SECONDS
        claim = gates.claim

        async def then_lost(*asked: object) -> bool:
            claimed = await claim(*asked)  # type: ignore[arg-type]
            gates.held.clear()
            return claimed

        gates.claim = then_lost  # type: ignore[method-assign,assignment]

    with pytest.raises((Crash, asyncio.CancelledError)):
        work(bench, gates, one)

    assert world.seconds() == pytest.approx(ends, abs=0.1)
    assert ends < PERMIT_SECONDS
    assert world.queue.asked("delete") == []


def test_a_renewal_that_hangs_does_not_put_that_off(world: World, bench: Bench, gates: Gates) -> None:
    delay(world, gates, "renew", before=1000)
    ended: list[float] = []
    exit_of = bench.host.exit

    async def noted(reason: str) -> NoReturn:
        ended.append(world.seconds())
        await exit_of(reason)

    bench.host.exit = noted  # type: ignore[method-assign]

    with pytest.raises((Crash, asyncio.CancelledError)):
        work(bench, gates, delivery(world, plain(seconds=300)))

    assert ended == [OWN_SECONDS]


def test_where_code_may_still_run_it_ends_by_itself_once_the_process_has_ended(
    world: World, bench: Bench, gates: Gates
) -> None:
    (report,) = work(bench, gates, delivery(world, '{"task": "plain", "payload": {"must exit": true}}'))

    assert report.outcome == "succeeded"
    assert list(gates.held.values()) == [NOW + ENDING_SECONDS]


def test_a_renewal_that_fails_is_made_again_soon(world: World, bench: Bench, gates: Gates) -> None:
    renew, failed = gates.renew, []

    async def at_first_not(*asked: object) -> bool:
        if not failed:
            failed.append(world.seconds())
            raise GatesError("a fault")
        return await renew(*asked)  # type: ignore[arg-type]

    gates.renew = at_first_not  # type: ignore[method-assign,assignment]

    (report,) = work(bench, gates, delivery(world, plain(seconds=60)))

    assert report.outcome == "succeeded"
    assert failed == [40.0]
    assert ("renew", 45.0) in gates.calls


def test_a_task_that_fails_gives_it_back_while_it_waits(world: World, bench: Bench, gates: Gates) -> None:
    (report,) = work(bench, gates, delivery(world, plain(raises=1)))

    assert (report.outcome, gates.held) == ("retry later", {})


def test_where_no_flow_is_controlled_it_is_not_asked_for(world: World, bench: Bench, gates: Gates) -> None:
    (report,) = work(bench, None, delivery(world, plain()))

    assert (report.outcome, gates.calls) == ("succeeded", [])


def test_a_message_without_one_asks_for_none(world: World, bench: Bench, gates: Gates) -> None:
    (report,) = work(bench, gates, delivery(world, plain(), permit=""))

    assert (report.outcome, gates.calls) == ("succeeded", [])
