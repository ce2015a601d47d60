"""Batches: one dispatch with several deliveries, in order on a FIFO queue, each for itself elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from tests.support import body_of
from tests.unit.worker.conftest import ATTEMPTS, Bench, note, refuse_to_extend

from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS, LEASE_SECONDS
from worker.batch import RELEASED_SECONDS
from zigzag.policy import Policy
from zigzag_testing.faults import Crash


@pytest.fixture(params=["bench", "fifo"], ids=["each for itself", "in order"])
def either(request: pytest.FixtureRequest) -> Bench:
    bench: Bench = request.getfixturevalue(request.param)
    return bench


def numbers(bench: Bench) -> list[int]:
    return [n for n, _ in bench.began]


def waiting(bench: Bench) -> list[int]:
    """Returns the numbers of the messages that are still on the queue."""
    return [json.loads(message.body)["payload"]["n"] for message in bench.queue.messages]


class TestEachForItself:
    """On a standard queue."""

    def test_all_run_and_are_deleted_in_one_call(self, bench: Bench) -> None:
        bench.work(*bench.received({}, {}, {}))

        assert numbers(bench) == [0, 1, 2]
        assert [method for method, *_ in bench.queue.calls] == ["delete"]
        assert len(bench.queue) == 0

    def test_a_failure_touches_only_its_own(self, bench: Bench) -> None:
        reports = bench.work(*bench.received({}, {"raises": True}, {"rejects": True}, {}))

        by_number = sorted(report.outcome for report in reports)
        assert by_number == ["dead-letter", "retry later", "succeeded", "succeeded"]
        assert numbers(bench) == [0, 1, 2, 3]
        assert waiting(bench) == [1]

    def test_successes_do_not_wait_for_slow_tasks_behind_them(self, bench: Bench) -> None:
        bench.work(*bench.received({"seconds": 2}, {"seconds": 2}, {}))

        assert len(bench.queue.asked("delete")) == 3

    def test_a_success_that_waits_for_its_deletion_is_kept_alive(self, bench: Bench) -> None:
        bench.work(*bench.received({}, {"seconds": 300}))

        beats = [ids for ids, seconds in bench.queue.asked("change_visibility") if seconds == LEASE_SECONDS]
        assert {tuple(sorted(ids)) for ids in beats} == {("message-1", "message-2")}
        assert len(bench.queue) == 0

    def test_a_success_is_deleted_before_one_that_was_delivered_before_starts(self, bench: Bench) -> None:
        # Given a message that came before and was not settled: it may have killed its process
        bench.send(body_of("plain", {"n": 1, "crashes": True}))
        bench.receive()
        bench.pass_time(LEASE_SECONDS)
        again = bench.receive()

        # When it kills the process of one that has succeeded
        bench.crash(*bench.received({}), *again)

        assert numbers(bench) == [0, 1]
        assert waiting(bench) == [1]

    def test_a_killer_takes_a_success_down_once(self, bench: Bench) -> None:
        bench.send(body_of("plain", {"n": 0}), body_of("plain", {"n": 1, "crashes": True}))
        bench.crash(*bench.receive())
        while len(bench.queue):
            bench.pass_time(LEASE_SECONDS)
            with contextlib.suppress(Crash):
                bench.work(*bench.receive())

        assert numbers(bench).count(0) == 2
        assert [json.loads(letter.body)["payload"]["n"] for letter in bench.dead_letters.messages] == [1]

    def test_a_message_that_could_not_be_deleted_is_told(self, bench: Bench) -> None:
        bench.queue.refusing = {"delete"}

        reports = bench.work(*bench.received({}, {}))

        assert [(report.outcome, report.settled) for report in reports] == [("succeeded", False)] * 2

    def test_once_a_success_could_not_be_deleted_the_rest_is_released(self, bench: Bench) -> None:
        deliveries = bench.received({"seconds": 2}, {}, {})
        bench.queue.broken = {"delete"}

        reports = bench.work(*deliveries)

        assert numbers(bench) == [0]
        assert sorted(report.outcome for report in reports) == ["released", "released", "succeeded"]

    def test_with_no_time_left_the_rest_is_released(self, bench: Bench) -> None:
        reports = bench.work(*bench.received({"seconds": 50}, {}, {}), seconds_left=60)

        assert numbers(bench) == [0]
        assert bench.queue.asked("change_visibility")[-1] == (["message-2", "message-3"], RELEASED_SECONDS)
        assert {report.outcome for report in reports} == {"succeeded", "released"}

    def test_the_time_of_a_short_function_is_used_as_well(self, bench: Bench) -> None:
        bench.work(*bench.received(*[{"seconds": 1}] * 10), seconds_left=10)

        assert numbers(bench) == list(range(7)), "the last one has 4 s"

    def test_once_the_lease_is_lost_the_rest_is_not_touched(self, bench: Bench) -> None:
        deliveries = bench.received({"seconds": 150}, {})
        bench.queue.refusing = {"change_visibility"}

        reports = bench.work(*deliveries)

        assert numbers(bench) == [0]
        assert [report.outcome for report in reports] == ["succeeded", "left alone"]


def test_in_a_process_that_must_exit_no_other_task_starts(either: Bench) -> None:
    reports = either.work(*either.received({"must exit": True}, {}, {}))

    assert numbers(either) == [0]
    assert sorted((report.outcome, report.retry_seconds) for report in reports) == [
        ("released", RELEASED_SECONDS),
        ("released", RELEASED_SECONDS),
        ("succeeded", None),
    ]


def test_one_whose_own_lease_could_not_be_kept_does_not_start(either: Bench) -> None:
    # Given a batch whose second message SQS refuses to extend while the first one's task goes on
    deliveries = either.received({"seconds": 150}, {})
    refuse_to_extend(either, deliveries[1])

    # Then it may be with another worker by now
    assert set(either.outcomes(deliveries)) == {"succeeded", "left alone"}
    assert numbers(either) == [0]


class TestWhatIsLeftOfTheTime:
    """Only the first of a batch has the whole time of the function."""

    @pytest.mark.parametrize("goes_on", [0, 300], ids=["it is interrupted", "it has to be ended"])
    @pytest.mark.parametrize("before", [0, 2], ids=["delivered first", "delivered before"])
    def test_one_that_had_less_of_it_used_up_no_attempt(
        self, either: Bench, before: int, goes_on: int
    ) -> None:
        deliveries = either.received({"seconds": 40}, {"seconds": 40, "goes on for": goes_on})
        for _ in range(before):  # and nothing was started
            either.pass_time(LEASE_SECONDS)
            deliveries = either.receive()

        with contextlib.suppress(Crash, asyncio.CancelledError):
            either.work(*deliveries, seconds_left=60)
        assert (numbers(either), waiting(either)) == ([0, 1], [1])
        either.pass_time(RELEASED_SECONDS)
        either.work(*either.receive(), seconds_left=900)

        assert [context.attempt for context in either.contexts] == [1, 1, 1]

    def test_one_that_hangs_is_given_up_all_the_same(self, either: Bench) -> None:
        either.received({}, {"seconds": 9000}, {})
        while len(either.queue):
            either.pass_time(LEASE_SECONDS)
            either.work(*either.receive(), seconds_left=60)

        assert numbers(either) == [0, *[1] * (1 + ATTEMPTS), 2]
        assert len(either.dead_letters) == 1

    def test_alone_it_has_all_of_it_and_used_one_up(self, either: Bench) -> None:
        (report,) = either.work(*either.received({"seconds": 100}), seconds_left=60)
        either.pass_time(60)
        either.work(*either.receive(), seconds_left=900)

        assert report.outcome == "retry later"
        assert [context.attempt for context in either.contexts] == [1, 2]

    def test_one_that_took_longer_than_its_own_timeout_used_one_up(self, either: Bench) -> None:
        either.table["plain"].policy = Policy(attempts=3, timeout=20)

        either.work(*either.received({}, {"seconds": 100}), seconds_left=60)
        either.pass_time(60)
        either.work(*either.receive(), seconds_left=900)

        assert [context.attempt for context in either.contexts] == [1, 1, 2]

    def test_one_that_may_start_once_is_not_given_up_for_it(self, either: Bench) -> None:
        either.table["plain"].policy = Policy(attempts=1)
        either.received(*[{"seconds": 40}] * 4)
        while len(either.queue):
            either.pass_time(LEASE_SECONDS)
            either.work(*either.receive(), seconds_left=60)

        assert len(either.dead_letters) == 0
        assert numbers(either) == [0, 1, 1, 2, 2, 3, 3]


class TestInOrder:
    """One group of a FIFO queue."""

    def test_all_run_in_order_each_off_the_queue_before_the_next(self, fifo: Bench) -> None:
        fifo.work(*fifo.received({}, {}, {}))

        assert numbers(fifo) == [0, 1, 2]
        assert fifo.queue.asked("delete") == [(["message-1"],), (["message-2"],), (["message-3"],)]

    def test_the_lease_is_checked_before_the_first_task_head_first(self, fifo: Bench) -> None:
        fifo.work(*fifo.received({}, {}))

        assert fifo.queue.calls[:2] == [
            ("change_visibility", ["message-1"], LEASE_SECONDS),
            ("change_visibility", ["message-2"], LEASE_SECONDS),
        ]

    def test_without_the_heads_lease_nothing_runs(self, fifo: Bench) -> None:
        deliveries = fifo.received({}, {})
        fifo.queue.refusing = {"change_visibility"}

        assert fifo.outcomes(deliveries) == ["left alone", "left alone"]
        assert fifo.began == []
        assert fifo.queue.asked("change_visibility") == [(["message-1"], LEASE_SECONDS)]

    def test_messages_behind_a_failure_wait_as_long_and_are_postponed_after_it(self, fifo: Bench) -> None:
        reports = fifo.work(*fifo.received({}, {"raises": True}, {}, {}))

        seconds = reports[1].retry_seconds
        assert fifo.queue.asked("change_visibility")[-2:] == [
            (["message-2"], seconds),
            (["message-3", "message-4"], seconds),
        ]
        assert numbers(fifo) == [0, 1]
        assert waiting(fifo) == [1, 2, 3]

    def test_a_failing_head_holds_its_group_until_it_is_dead_lettered(self, fifo: Bench) -> None:
        deliveries = fifo.received({"raises": True}, {}, {})
        while deliveries:
            fifo.work(*deliveries)
            fifo.pass_time(60)
            deliveries = fifo.receive()

        assert numbers(fifo) == [0, 0, 0, 1, 2]
        assert len(fifo.dead_letters) == 1

    def test_a_dead_letter_lets_the_next_one_run(self, fifo: Bench) -> None:
        outcomes = fifo.outcomes(fifo.received({"rejects": True}, {}))

        assert outcomes == ["dead-letter", "succeeded"]

    def test_a_success_that_cant_be_deleted_stops_the_batch(self, fifo: Bench) -> None:
        deliveries = fifo.received({}, {})
        fifo.queue.refusing = {"delete"}

        assert fifo.outcomes(deliveries) == ["succeeded", "left alone"]
        assert numbers(fifo) == [0]

    def test_a_head_that_cant_be_postponed_leaves_all_to_their_leases(self, fifo: Bench) -> None:
        deliveries = fifo.received({"raises": True}, {})
        fifo.queue.visibility_changes_left = 2  # the first beats

        fifo.work(*deliveries)

        assert numbers(fifo) == [0]
        assert len(fifo.queue.asked("change_visibility")) == 3

    def test_a_dead_letter_that_cant_be_moved_stops_the_batch(self, fifo: Bench) -> None:
        fifo.dead_letters.broken = {"send"}

        fifo.work(*fifo.received({"rejects": True}, {}))

        assert numbers(fifo) == [0]

    def test_a_long_batch_is_kept_alive_head_first(self, fifo: Bench) -> None:
        fifo.work(*fifo.received({"seconds": 90}, {"seconds": 90}))

        beats = [ids for ids, seconds in fifo.queue.asked("change_visibility") if seconds == LEASE_SECONDS]
        assert beats == [
            *[["message-1"], ["message-2"]] * 3,
            *[["message-2"]] * 2,
        ]
        assert len(fifo.queue) == 0


class TestNearTheirEnd:
    """A message that was not started, and that SQS may drop before it comes again, becomes a dead letter."""

    def test_a_message_without_time_left_becomes_one_that_says_so(self, either: Bench) -> None:
        # Given three messages near their end, of which the third is younger
        either.put({"seconds": 50}, {})
        either.pass_time(3600)
        either.put({})
        either.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS - 1800)

        # When the first one takes all the time
        reports = either.work(*either.receive(), seconds_left=60)

        assert numbers(either) == [0], "the first one has its chance"
        settled = [report.outcome for report in reports if report.settled]
        assert sorted(settled) == ["dead-letter", "released", "succeeded"]
        assert note(either)["reason"] == (
            "SQS would drop the message in less than 4 days: not started: no time is left for another task"
        )
        assert waiting(either) == [2]

    def test_one_that_cant_be_stored_comes_again(self, bench: Bench) -> None:
        bench.put({"seconds": 50}, {})
        bench.dead_letters.broken = {"send"}
        bench.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)

        reports = bench.work(*bench.receive(), seconds_left=60)

        assert [(report.outcome, report.settled) for report in reports] == [
            ("succeeded", True),
            ("dead-letter", False),
        ]
        assert waiting(bench) == [1]
