"""Heartbeats: a message stays ours while its task runs, and a killed worker's is back within a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from tests.support import NOW, World, body_of
from tests.unit.worker.conftest import Bench

from shared.delivery import Delivery
from shared.lease import LEASE_SECONDS
from shared.ports.queue import Failed, Outgoing, QueueError
from shared.ports.records import Counted
from worker.batch import RELEASED_SECONDS
from worker.record import BUSY
from worker.result import Report
from worker.starts import MAX_STARTS
from zigzag_testing.faults import Crash


def beats(world: World) -> list[tuple[list[str], int]]:
    return [call for call in world.queue.asked("change_visibility") if call[1] == LEASE_SECONDS]  # type: ignore[misc]


def test_a_task_of_less_than_a_third_of_a_lease_needs_none(world: World, bench: Bench) -> None:
    bench.work(world.delivered(body_of("plain", {"seconds": 39})))

    assert beats(world) == []


def test_a_long_task_extends_its_lease_every_third_of_one(world: World, bench: Bench) -> None:
    (report,) = bench.work(world.delivered(body_of("plain", {"seconds": 300})))

    assert beats(world) == [(["message-1"], LEASE_SECONDS)] * 7
    assert (report.outcome, report.settled) == ("succeeded", True)


def test_nobody_else_receives_the_message_meanwhile(world: World, bench: Bench) -> None:
    delivery = world.delivered(body_of("plain", {"seconds": 600}))

    async def looking_on() -> int:
        working = asyncio.create_task(bench.working(delivery))
        others = 0
        while not working.done():
            await world.clock.sleep(7)
            others += len(await world.queue.receive(10, 0, 30))
        return others

    assert world.run(looking_on()) == 0


def test_a_late_start_beats_before_its_lease_ends(world: World, bench: Bench) -> None:
    delivery = world.delivered(body_of("plain", {"seconds": 50}))
    world.pass_time(85)  # 35 s are left, less than a third of a lease

    (report,) = bench.work(delivery)

    assert len(beats(world)) == 2, "at 90 s, 30 s before its end, and at 130 s"
    assert report.settled


def test_a_beat_that_failed_is_made_again_after_5_seconds(world: World, bench: Bench) -> None:
    delivery = world.delivered(body_of("plain", {"seconds": 60}))

    report = world.run(broken_between(world, bench.working(delivery), 30, 52))

    assert len(beats(world)) == 4, "at 40, 45 and 50 s in vain, and at 55"
    assert report[0].settled


async def broken_between(
    world: World, working: Coroutine[Any, Any, list[Report]], begin: float, end: float
) -> list[Report]:
    task = asyncio.create_task(working)
    await world.clock.sleep(begin)
    world.queue.broken = {"change_visibility"}
    await world.clock.sleep(end - begin)
    world.queue.broken = set()
    return await task


@pytest.mark.parametrize(
    ("does", "settled", "outcome"),
    [
        pytest.param({}, True, "succeeded", id="a success is deleted"),
        pytest.param({"raises": True}, False, "left alone", id="a failure is left alone"),
    ],
)
def test_after_its_lease_is_lost_only_a_success_is_settled(
    world: World, bench: Bench, does: dict[str, Any], settled: bool, outcome: str
) -> None:
    delivery = world.delivered(body_of("plain", {"seconds": 200, **does}))

    (report,) = world.run(broken_between(world, bench.working(delivery), 30, 150))

    assert (report.outcome, report.settled) == (outcome, settled)


def test_a_beat_that_sqs_refuses_is_made_again_until_the_lease_is_over(world: World, bench: Bench) -> None:
    delivery = world.delivered(body_of("plain", {"seconds": 300, "raises": True}))

    async def refused() -> list[Report]:
        working = asyncio.create_task(bench.working(delivery))
        await world.clock.sleep(30)
        world.queue.refusing = {"change_visibility"}
        return await working

    (report,) = world.run(refused())

    assert len(beats(world)) == 8, "at 40, 80 and 90 s, and then every 5 s"
    assert report.outcome == "left alone"


def test_an_idempotent_task_stays_owned_while_it_runs_though_its_message_is_lost(
    world: World, bench: Bench
) -> None:
    # Given two messages of one id, and a task that runs on after its message's lease is lost
    delivery = world.delivered(body_of("once", {"seconds": 300}, id="order-7"))
    other = body_of("once", id="order-7")

    async def meanwhile() -> list[str]:
        working = asyncio.create_task(bench.working(delivery))
        await world.clock.sleep(30)
        world.queue.refusing = {"change_visibility"}
        await world.clock.sleep(250)
        world.queue.refusing = set()
        await world.queue.send(Outgoing(other))
        received = await world.queue.receive(10, 0, 120)
        (report,) = await bench.working(next(one for one in received if one.body == other))
        return [report.outcome, (await working)[0].outcome]

    # Then another message of that id waits until it has ended
    assert world.run(meanwhile()) == ["retry later", "succeeded"]
    assert len(bench.began) == 1


def test_a_lease_that_was_lost_stays_lost(world: World, bench: Bench) -> None:
    # Given a worker none of whose beats got through, until one that was sent in time, and answered too late
    delivery = world.delivered(body_of("plain", {"seconds": 180, "rejects": True}))

    async def late_answer() -> list[Report]:
        working = asyncio.create_task(broken_between(world, bench.working(delivery), 30, 112))
        await world.clock.sleep(112)
        world.queue.answers_after_seconds = 20
        return await working

    # When its task fails
    (report,) = world.run(late_answer())

    # Then it settles nothing: somebody else may have had the message since
    assert (report.outcome, len(world.dead_letters)) == ("left alone", 0)


def test_an_unforeseen_error_does_not_stop_the_heartbeats(world: World, bench: Bench) -> None:
    delivery = world.delivered(body_of("plain", {"seconds": 60}))
    errors = [RuntimeError("can't start a thread")]

    async def change_visibility(deliveries: list[Delivery], seconds: int, until: float) -> list[Failed]:
        if errors:
            raise errors.pop()
        return await beat(deliveries, seconds, until)

    beat, world.queue.change_visibility = world.queue.change_visibility, change_visibility  # type: ignore[method-assign]
    bench.work(delivery)

    assert len(beats(world)) == 1, "the first, at 40 s, was in vain"


def test_what_takes_long_before_the_start_is_covered_by_a_beat(world: World, bench: Bench) -> None:
    # Given a start so late that a beat is due soon, and a module that takes its time to import
    delivery = world.delivered(body_of("plain", {"seconds": 30}))
    world.pass_time(85)
    bench.imports_for(25)

    # When the task starts after 110 s of its lease of 120
    (report,) = bench.work(delivery)

    assert (report.outcome, report.settled) == ("succeeded", True)
    assert beats(world)[0] == (["message-1"], LEASE_SECONDS)


@pytest.mark.parametrize("name", ["plain", "once"])
def test_a_task_whose_lease_ended_while_it_was_imported_does_not_start(
    world: World, bench: Bench, name: str
) -> None:
    delivery = world.delivered(body_of(name))
    world.pass_time(85)
    bench.imports_for(40)

    (report,) = bench.work(delivery)

    assert (report.outcome, bench.began) == ("left alone", [])
    assert world.records.calls == []


def test_a_killed_workers_message_is_back_within_a_lease(world: World, bench: Bench) -> None:
    bench.crash(world.delivered(body_of("plain", {"seconds": 300, "crashes": True})))

    world.pass_time(LEASE_SECONDS)

    assert len(world.receive()) == 1


def test_the_ownership_of_a_record_follows_the_beats(world: World, bench: Bench) -> None:
    delivery = world.delivered(body_of("once", {"seconds": 300}))

    async def look_at_260() -> float:
        working = asyncio.create_task(bench.working(delivery))
        await world.clock.sleep(260)
        (record,) = world.records.records.values()
        await working
        return record.until

    until = world.run(look_at_260())
    assert until > NOW + 260


class TestDeadline:
    """A task is interrupted shortly before Lambda would end it, so that its message can be settled."""

    def test_its_message_is_postponed_for_its_next_attempt(self, world: World, bench: Bench) -> None:
        delivery = world.delivered(body_of("plain", {"seconds": 300}))

        (report,) = bench.work(delivery, seconds_left=60)

        assert (report.outcome, report.settled) == ("retry later", True)
        assert "interrupted shortly before the function's time was over" in (report.reason or "")
        assert world.seconds() == pytest.approx(55)

    def test_it_is_an_attempt(self, world: World, bench: Bench) -> None:
        world.send(body_of("plain", {"seconds": 300}))
        reports: list[Report] = []
        while len(world.queue):
            reports += bench.work(*world.receive(), seconds_left=60)
            world.pass_time(600)

        assert [report.outcome for report in reports] == ["retry later", "retry later", "dead-letter"]


def test_an_event_without_a_receipt_handle_has_no_heartbeats(world: World, bench: Bench) -> None:
    delivery = Delivery({"Body": body_of("plain", {"seconds": 300})}, None)

    bench.work(delivery)

    assert world.queue.calls == []


def test_a_beat_that_fails_shortly_before_the_lease_ends_is_made_again_before_the_task_starts(
    world: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an import that leaves 3 s of the lease, and a first beat that fails
    delivery = world.delivered(body_of("plain", {"seconds": 30}))
    bench.imports_for(117)
    change_visibility, failures = world.queue.change_visibility, [QueueError("503", "away")]

    async def once_away(deliveries: Sequence[Delivery], seconds: int, until: float) -> list[Failed]:
        if failures:
            raise failures.pop()
        return await change_visibility(deliveries, seconds, until)

    monkeypatch.setattr(world.queue, "change_visibility", once_away)

    (report,) = bench.work(delivery)

    # Then nobody else gets the message while the task runs
    assert (report.outcome, report.settled) == ("succeeded", True)
    assert beats(world)


class TestTwoKeepers:
    """The lease of a message and the ownership of a record are kept apart: one that fails says nothing of the
    other."""

    def test_a_message_stays_ours_while_the_table_is_away(self, world: World, bench: Bench) -> None:
        delivery = world.delivered(body_of("once", {"seconds": 390}))
        world.records.broken = {"extend"}

        (report,) = bench.work(delivery)

        assert len(beats(world)) == 9, "one every 40 s"
        assert (report.outcome, report.settled) == ("succeeded", True)

    def test_a_record_stays_ours_while_sqs_does_not_answer(self, world: World, bench: Bench) -> None:
        delivery = world.delivered(body_of("once", {"seconds": 400}))
        other = world.delivered(body_of("once", id="message-1"))

        async def hangs(*_: object) -> list[Failed]:
            await world.clock.sleep(1000)
            raise QueueError("ReadTimeoutError", "no answer")

        async def meanwhile() -> list[Report]:
            working = asyncio.create_task(bench.working(delivery))
            await world.clock.sleep(30)
            world.queue.change_visibility = hangs  # type: ignore[method-assign]
            await world.clock.sleep(300)
            del world.queue.change_visibility
            (report,) = await bench.working(Delivery(other.message, world.queue.url, None))
            working.cancel()
            return [report]

        (report,) = world.run(meanwhile())

        assert (report.outcome, report.reason) == ("retry later", BUSY)
        assert len(bench.began) == 1

    def test_the_first_beats_come_30_seconds_before_the_lease_ends(self, world: World, bench: Bench) -> None:
        delivery = world.delivered(body_of("once", {"seconds": 10}))
        world.pass_time(85)

        bench.work(delivery)

        assert len(beats(world)) == 1
        assert world.records.calls == ["begin", "extend", "finish"]


class TestAnEndForEachAttempt:
    """Code that goes on when it is interrupted is ended with its process, all settled, in time."""

    def ends(self, bench: Bench, *deliveries: Delivery) -> None:
        with pytest.raises((Crash, asyncio.CancelledError)):
            bench.work(*deliveries, seconds_left=60)

    def test_its_message_is_postponed(self, world: World, bench: Bench) -> None:
        self.ends(bench, world.delivered(body_of("plain", {"goes on for": 300})))

        assert world.seconds() == pytest.approx(57)
        assert [record.starts for record in world.records.records.values()] == [1]
        world.pass_time(10)
        assert len(world.receive()) == 1

    def test_what_had_succeeded_is_deleted_and_what_had_not_started_is_released(
        self, world: World, bench: Bench
    ) -> None:
        world.send(*[body_of("plain", {"n": n, "goes on for": 300 * (n == 1)}) for n in range(3)])

        self.ends(bench, *world.receive())

        assert world.queue.asked("delete") == [(["message-1"],)]
        assert world.queue.asked("change_visibility")[-1] == (["message-3"], RELEASED_SECONDS)
        assert len(bench.began) == 2

    def test_in_a_group_the_ones_behind_it_wait_as_long(self, fifo: Bench) -> None:
        world = fifo.world
        for n in range(2):
            body = body_of("plain", {"n": n, "goes on for": 300 * (n == 0)})
            world.send(body, group="g", deduplication_id=f"d{n}")

        self.ends(fifo, *world.receive())

        (head, seconds), (follower, as_long) = world.queue.asked("change_visibility")[-2:]
        assert (head, follower, seconds) == (["message-1"], ["message-2"], as_long)

    def test_one_whose_lease_is_lost_touches_nothing(self, world: World, bench: Bench) -> None:
        delivery = world.delivered(body_of("plain", {"goes on for": 900}))
        world.queue.refusing = {"change_visibility"}
        with pytest.raises((Crash, asyncio.CancelledError)):
            bench.work(delivery, seconds_left=300)

        assert {seconds for _, seconds in world.queue.asked("change_visibility")} == {LEASE_SECONDS}
        assert world.queue.asked("delete") == []


class TestSeveral:
    """Each message of a batch has a lease of its own, once one of them could not be extended."""

    @pytest.mark.parametrize("lost", [0, 1, 2])
    def test_those_that_are_not_lost_stay_ours(self, world: World, bench: Bench, lost: int) -> None:
        # Given a batch of which the first one has succeeded, and waits for its deletion
        world.send(*[body_of("plain", {"n": n, "seconds": 300 * (n == 1)}) for n in range(3)])
        deliveries = world.receive()
        refuse(world, deliveries[[1, 0, 2][lost]])

        # When SQS extends the lease of one no more
        others = world.run(seen_meanwhile(world, bench, deliveries))

        # Then nobody else receives the two others
        gone = deliveries[[1, 0, 2][lost]].message_id
        assert set(others) <= {gone}
        assert len(world.queue) <= 1

    def test_one_that_sqs_refuses_to_extend_does_not_start(self, fifo: Bench) -> None:
        # Given a follower whose lease SQS did not extend any more while the one before it ran
        world = fifo.world
        for n in range(2):
            world.send(body_of("plain", {"n": n, "seconds": 60}), group="g", deduplication_id=f"d{n}")
        deliveries = world.receive()
        worked = fifo.working(*deliveries)

        async def refused_from_30_s_on() -> list[Report]:
            task = asyncio.create_task(worked)
            await world.clock.sleep(30)
            refuse(world, deliveries[1])
            return await task

        # When its turn comes, while its lease would hold by our own clock
        reports = world.run(refused_from_30_s_on())

        assert [report.outcome for report in reports] == ["succeeded", "left alone"]
        assert len(fifo.began) == 1


def refuse(world: World, refused: Delivery) -> None:
    """From now on, SQS extends the lease of this one no more."""
    change_visibility = world.queue.change_visibility

    async def refusing(asked: Sequence[Delivery], seconds: int, until: float) -> list[Failed]:
        sound = [delivery for delivery in asked if delivery.message_id != refused.message_id]
        failed = await change_visibility(sound, seconds, until) if sound else []
        return failed + [Failed(one, "InvalidParameterValue", "") for one in asked if one not in sound]

    world.queue.change_visibility = refusing  # type: ignore[method-assign]


async def seen_meanwhile(world: World, bench: Bench, deliveries: Sequence[Delivery]) -> list[str]:
    """What others receive while a worker has these."""
    working, others = asyncio.create_task(bench.working(*deliveries)), []
    while not working.done():
        await world.clock.sleep(7)
        others += [delivery.message_id for delivery in await world.queue.receive(10, 0, 3600)]
    return others


def test_no_letter_is_made_of_a_message_that_was_lost(world: World, bench: Bench) -> None:
    # Given a message that killed its process as often as it may, and a table that answers so slowly
    delivery = world.delivered_often(9, body_of("plain", {"crashes": True}))
    count = world.records.count

    async def slowly(key: str, owner: str, now: float) -> Counted:
        await world.clock.sleep(200)
        return (await count(key, owner, now))._replace(starts=MAX_STARTS + 1)

    world.records.count = slowly  # type: ignore[method-assign]
    world.queue.refusing = {"change_visibility"}

    # When its lease ends meanwhile
    (report,) = bench.work(delivery)

    # Then whoever has it now makes the letter
    assert (report.outcome, len(world.dead_letters)) == ("left alone", 0)
