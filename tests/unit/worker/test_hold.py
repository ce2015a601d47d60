"""Heartbeats: a message stays ours while its task runs, and a killed worker's is back within a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.support import body_of
from tests.unit.worker.conftest import Bench, refuse_to_extend

from shared.delivery import Delivery
from shared.lease import LEASE_SECONDS
from shared.ports.queue import MAX_VISIBILITY_SECONDS, QueueError, Refused
from shared.ports.records import Counted
from worker.batch import RELEASED_SECONDS
from worker.record import BUSY
from worker.result import Report
from worker.starts import MAX_STARTS
from zigzag_testing.faults import Crash
from zigzag_testing.virtual_time import SkewedClock


def beats(bench: Bench) -> list[tuple[Any, ...]]:
    return [call for call in bench.queue.asked("change_visibility") if call[1] == LEASE_SECONDS]


def broken(bench: Bench, begin: float, end: float) -> Mapping[float, Any]:
    """Returns what makes every beat fail between those two moments."""
    return {begin: lambda: bench.queue.broken.add("change_visibility"), end: bench.queue.broken.clear}


def fails_once(bench: Bench, error: Exception) -> None:
    """Makes the next beat fail like that."""
    change_visibility = bench.queue.change_visibility

    async def fail(*_: object) -> list[Refused]:
        bench.queue.change_visibility = change_visibility  # type: ignore[method-assign]
        raise error

    bench.queue.change_visibility = fail  # type: ignore[assignment]


async def seen_meanwhile(bench: Bench, deliveries: Sequence[Delivery]) -> list[str]:
    """Returns the bodies that others receive while a worker has these."""
    working, others = asyncio.create_task(bench.working(*deliveries)), []
    while not working.done():
        await bench.clock.sleep(7)
        others += [delivery.message_id for delivery in await bench.queue.receive(10, 0, 3600)]
    return others


def test_a_task_of_less_than_a_third_of_a_lease_needs_none(bench: Bench) -> None:
    bench.work(bench.delivered(body_of("plain", {"seconds": 39})))

    assert beats(bench) == []


def test_a_long_task_extends_its_lease_every_third_of_one(bench: Bench) -> None:
    (report,) = bench.work(bench.delivered(body_of("plain", {"seconds": 300})))

    assert beats(bench) == [(["message-1"], LEASE_SECONDS)] * 7
    assert (report.outcome, report.settled) == ("succeeded", True)


def test_nobody_else_receives_the_message_meanwhile(bench: Bench) -> None:
    delivery = bench.delivered(body_of("plain", {"seconds": 600}))

    assert bench.run(seen_meanwhile(bench, [delivery])) == []


def test_a_beat_that_failed_is_made_again_after_5_seconds(bench: Bench) -> None:
    delivery = bench.delivered(body_of("plain", {"seconds": 60}))

    (report,) = bench.work_while(broken(bench, 30, 52), delivery)

    assert len(beats(bench)) == 4, "at 40, 45 and 50 s in vain, and at 55"
    assert report.settled


@pytest.mark.parametrize(
    ("does", "settled", "outcome"),
    [
        pytest.param({}, True, "succeeded", id="a success is deleted"),
        pytest.param({"raises": True}, False, "left alone", id="a failure is left alone"),
    ],
)
def test_after_its_lease_is_lost_only_a_success_is_settled(
    bench: Bench, does: dict[str, Any], settled: bool, outcome: str
) -> None:
    delivery = bench.delivered(body_of("plain", {"seconds": 200, **does}))

    (report,) = bench.work_while(broken(bench, 30, 150), delivery)

    assert (report.outcome, report.settled) == (outcome, settled)


def test_a_beat_that_sqs_refuses_is_made_again_until_the_lease_is_over(bench: Bench) -> None:
    delivery = bench.delivered(body_of("plain", {"seconds": 300, "raises": True}))

    (report,) = bench.work_while({30: lambda: bench.queue.refusing.add("change_visibility")}, delivery)

    assert len(beats(bench)) == 8, "at 40, 80 and 90 s, and then every 5 s"
    assert report.outcome == "left alone"


def test_a_lease_that_was_lost_stays_lost(bench: Bench) -> None:
    # Given a worker none of whose beats got through, until one that was sent in time, and answered too late
    delivery = bench.delivered(body_of("plain", {"seconds": 180, "rejects": True}))

    def answers_late() -> None:
        bench.queue.broken.clear()
        bench.queue.answers_after_seconds = 20

    # When its task fails
    (report,) = bench.work_while({**broken(bench, 30, 112), 112: answers_late}, delivery)

    # Then it settles nothing: somebody else may have had the message since
    assert (report.outcome, len(bench.dead_letters)) == ("left alone", 0)


@pytest.mark.parametrize(
    ("how", "ends"),
    [
        pytest.param("broken", True, id="ends if no beat got through: its task may have broken it"),
        pytest.param("refusing", False, id="goes on if SQS refused them: another has the message"),
    ],
)
def test_a_process_whose_lease_is_lost(bench: Bench, how: str, ends: bool) -> None:
    deliveries = bench.received({"seconds": LEASE_SECONDS + 30, "raises": True})
    setattr(bench.queue, how, {"change_visibility"})

    (report,) = bench.work(*deliveries)

    assert report.outcome == "left alone"
    assert (bench.host.exit_reason is not None) is ends


def test_an_unforeseen_error_does_not_stop_the_heartbeats(bench: Bench) -> None:
    delivery = bench.delivered(body_of("plain", {"seconds": 60}))
    fails_once(bench, RuntimeError("can't start a thread"))

    bench.work(delivery)

    assert len(beats(bench)) == 1, "the first, at 40 s, was in vain"


def test_a_lease_that_lambdas_own_poller_does_not_bring_is_asked_for_again_if_a_call_fails(
    bench: Bench,
) -> None:
    # Otherwise nobody had it until its queue's visibility timeout is over, which may be a quarter of an hour.
    delivery = bench.delivered(body_of("plain"))
    fails_once(bench, QueueError("ServiceUnavailable", "no"))

    (report,) = bench.work(Delivery(delivery.message, delivery.queue_url))

    assert report.outcome == "succeeded"


def test_a_beat_covers_the_time_before_the_start(bench: Bench) -> None:
    # Given a start so late that a beat is due soon, and a module that takes its time to import
    delivery = bench.delivered(body_of("plain", {"seconds": 30}))
    bench.pass_time(85)
    bench.imports_for(25)

    # When the task starts after 110 s of its lease of 120
    (report,) = bench.work(delivery)

    assert (report.outcome, report.settled) == ("succeeded", True)
    assert beats(bench)[0] == (["message-1"], LEASE_SECONDS)


def test_a_beat_that_fails_shortly_before_the_lease_ends_is_made_again_before_the_task_starts(
    bench: Bench,
) -> None:
    # Given an import that leaves 3 s of the lease, and a first beat that fails
    delivery = bench.delivered(body_of("plain", {"seconds": 30}))
    bench.imports_for(117)
    fails_once(bench, QueueError("503", "away"))

    (report,) = bench.work(delivery)

    # Then nobody else gets the message while the task runs
    assert (report.outcome, report.settled) == ("succeeded", True)
    assert beats(bench)


@pytest.mark.parametrize("name", ["plain", "once"])
def test_a_task_whose_lease_ended_while_it_was_imported_does_not_start(bench: Bench, name: str) -> None:
    delivery = bench.delivered(body_of(name))
    bench.pass_time(85)
    bench.imports_for(40)

    assert (bench.outcomes([delivery]), bench.began) == (["left alone"], [])
    assert bench.records.calls == []


def test_a_killed_workers_message_is_back_within_a_lease(bench: Bench) -> None:
    bench.crash(bench.delivered(body_of("plain", {"seconds": 300, "crashes": True})))

    bench.pass_time(LEASE_SECONDS)

    assert len(bench.receive()) == 1


def test_no_lease_that_an_event_names_is_longer_than_sqss_longest(bench: Bench) -> None:
    delivery = bench.delivered(body_of("once", {"crashes": True}))
    assert delivery.lease is not None
    bench.crash(Delivery(delivery.message, bench.queue.url, delivery.lease._replace(ends=1e100)))

    bench.pass_time(MAX_VISIBILITY_SECONDS)
    bench.crash(*bench.receive())

    assert len(bench.began) == 2, "its run is nobody's any more"


class TestDeadline:
    """A task is interrupted shortly before Lambda would end it, so that its message can be settled."""

    def test_its_message_is_postponed_for_its_next_attempt(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("plain", {"seconds": 300}))

        (report,) = bench.work(delivery, seconds_left=60)

        assert (report.outcome, report.settled) == ("retry later", True)
        assert "interrupted shortly before the function's time was over" in (report.reason or "")
        assert bench.seconds() == pytest.approx(55)


class TestTwoKeepers:
    """The lease of a message and the ownership of a record are kept apart: one that fails says nothing of the
    other."""

    def test_a_message_stays_ours_while_the_table_is_away(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("once", {"seconds": 390}))
        bench.records.broken = {"extend"}

        (report,) = bench.work(delivery)

        assert len(beats(bench)) == 9, "one every 40 s"
        assert (report.outcome, report.settled) == ("succeeded", True)

    def test_a_record_stays_ours_while_sqs_does_not_answer(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("once", {"seconds": 400}))
        other = bench.delivered(body_of("once", id="message-1"))

        async def hangs(*_: object) -> list[Refused]:
            await bench.clock.sleep(1000)
            raise QueueError("ReadTimeoutError", "no answer")

        async def meanwhile() -> list[Report]:
            working = asyncio.create_task(bench.working(delivery))
            await bench.clock.sleep(30)
            bench.queue.change_visibility = hangs  # type: ignore[assignment]
            await bench.clock.sleep(300)
            del bench.queue.change_visibility
            reports = await bench.working(Delivery(other.message, bench.queue.url, None))
            working.cancel()
            return reports

        (report,) = bench.run(meanwhile())

        assert (report.outcome, report.reason) == ("retry later", BUSY)
        assert len(bench.began) == 1

    def test_the_first_beats_come_30_seconds_before_the_lease_ends(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("once", {"seconds": 10}))
        bench.pass_time(85)

        bench.work(delivery)

        assert len(beats(bench)) == 1
        assert bench.records.calls == ["own", "extend", "finish"]


class TestAnEndForEachAttempt:
    """Code that goes on when it is interrupted is ended with its process, all settled, in time."""

    def ends(self, bench: Bench, *deliveries: Delivery, seconds_left: float = 60) -> None:
        with pytest.raises((Crash, asyncio.CancelledError)):
            bench.work(*deliveries, seconds_left=seconds_left)

    def test_its_message_is_postponed(self, bench: Bench) -> None:
        self.ends(bench, bench.delivered(body_of("plain", {"goes on for": 300})))

        assert bench.seconds() == pytest.approx(57)
        assert [record.starts for record in bench.records.records.values()] == [1]
        bench.pass_time(10)
        assert len(bench.receive()) == 1

    def test_the_succeeded_ones_are_deleted_and_those_that_had_not_started_released(
        self, bench: Bench
    ) -> None:
        self.ends(bench, *bench.received({}, {"goes on for": 300}, {}))

        assert bench.queue.asked("delete") == [(["message-1"],)]
        assert bench.queue.asked("change_visibility")[-1] == (["message-3"], RELEASED_SECONDS)
        assert len(bench.began) == 2

    def test_in_a_group_the_ones_behind_it_wait_as_long(self, fifo: Bench) -> None:
        self.ends(fifo, *fifo.received({"goes on for": 300}, {}))

        (head, seconds), (follower, as_long) = fifo.queue.asked("change_visibility")[-2:]
        assert (head, follower, seconds) == (["message-1"], ["message-2"], as_long)

    def test_one_whose_lease_is_lost_touches_nothing(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("plain", {"goes on for": 900}))
        bench.queue.refusing = {"change_visibility"}

        self.ends(bench, delivery, seconds_left=300)

        assert {seconds for _, seconds in bench.queue.asked("change_visibility")} == {LEASE_SECONDS}
        assert bench.queue.asked("delete") == []


class TestSeveral:
    """Each message of a batch has a lease of its own, once one of them could not be extended."""

    @pytest.mark.parametrize("lost", [0, 1, 2])
    def test_those_that_are_not_lost_stay_ours(self, bench: Bench, lost: int) -> None:
        # Given a batch of which the first one has succeeded, and waits for its deletion
        deliveries = bench.received({}, {"seconds": 300}, {})

        # When SQS extends the lease of one no more
        refuse_to_extend(bench, deliveries[lost])
        others = bench.run(seen_meanwhile(bench, deliveries))

        # Then nobody else receives the two others
        assert set(others) <= {deliveries[lost].message_id}
        assert len(bench.queue) <= 1

    def test_those_of_a_group_are_lost_with_the_first(self, fifo: Bench) -> None:
        head, follower = fifo.received({"seconds": 200}, {})

        reports = fifo.work_while({30: lambda: refuse_to_extend(fifo, head)}, head, follower)

        assert [report.outcome for report in reports] == ["succeeded", "left alone"]
        assert [ids for ids, _ in beats(fifo) if ids == ["message-2"]] == [["message-2"]], "before the task"

    def test_one_that_sqs_refuses_to_extend_does_not_start(self, fifo: Bench) -> None:
        # Given a follower whose lease SQS did not extend any more while the one before it ran
        deliveries = fifo.received({"seconds": 60}, {"seconds": 60})

        # When its turn comes, while its lease would hold by our own clock
        refused_from_then_on = {30: lambda: refuse_to_extend(fifo, deliveries[1])}
        reports = fifo.work_while(refused_from_then_on, *deliveries)

        assert [report.outcome for report in reports] == ["succeeded", "left alone"]
        assert len(fifo.began) == 1


def test_no_letter_is_made_of_a_message_that_was_lost(bench: Bench) -> None:
    # Given a message that killed its process the last time that it may, and a table that answers so slowly
    delivery = bench.delivered_often(9, body_of("plain", {"crashes": True}))
    count = bench.records.count

    async def slowly(key: str, owner: str, now: float) -> Counted:
        await bench.clock.sleep(200)
        return (await count(key, owner, now))._replace(starts=MAX_STARTS + 1)

    bench.records.count = slowly  # type: ignore[method-assign]
    bench.queue.refusing = {"change_visibility"}

    # When its lease ends meanwhile
    (report,) = bench.work(delivery)

    # Then the worker that has it now makes the letter
    assert (report.outcome, len(bench.dead_letters)) == ("left alone", 0)


def test_a_lease_that_is_lost_stays_lost_when_the_clock_is_set_back(bench: Bench) -> None:
    bench.queue.broken = {"change_visibility"}
    delivery = bench.delivered(body_of("plain", {"seconds": 300}))
    right, began, before = bench.clock, bench.clock.now(), list[int]()

    class SetBack(SkewedClock):
        def now(self) -> float:
            if right.now() > began + 150:
                before.append(len(beats(bench)))
                return right.now() - 100
            return right.now()

    bench.clock = SetBack(right, 0)  # type: ignore[assignment]
    bench.work(delivery)

    assert len(beats(bench)) == before[0] > 0


def test_a_clock_that_is_set_back_by_minutes_stops_no_beats(bench: Bench) -> None:
    delivery, right, extend = (
        bench.delivered(body_of("plain", {"seconds": 300})),
        bench.clock,
        bench.queue.change_visibility,
    )
    set_back_at = right.now() + 50

    class SetBack(SkewedClock):
        def now(self) -> float:
            return right.now() - (600 if right.now() > set_back_at else 0)

    bench.clock = SetBack(right, 0)  # type: ignore[assignment]
    # The end of a lease is by that clock, and the queue has the right one.
    bench.queue.change_visibility = lambda held, seconds, _: extend(held, seconds)  # type: ignore
    bench.work(delivery)

    assert len(beats(bench)) == 7
