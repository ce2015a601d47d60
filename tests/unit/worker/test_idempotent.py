"""`idempotent=True`: never twice at a time, and never again once its completion is recorded."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.support import body_of
from tests.unit.worker.conftest import Bench

from shared.delivery import Delivery
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS
from shared.ports.records import Busy, Owned
from worker.outcome import LOADS
from worker.result import Report
from zigzag import BadPayloadError
from zigzag.policy import Policy
from zigzag_testing.faults import Crash


def test_a_task_that_is_done_is_not_run_again(bench: Bench) -> None:
    # Given a task that is done, whose message could not be deleted
    bench.send(body_of("once"))
    bench.queue.refusing = {"delete"}
    bench.work(*bench.receive())
    bench.queue.refusing = set()
    bench.pass_time(120)

    # When it comes again
    (report,) = bench.work(*bench.receive())

    assert (report.outcome, report.settled) == ("already done", True)
    assert len(bench.began) == 1
    assert len(bench.queue) == 0


def test_the_completion_is_recorded_before_the_message_is_deleted(bench: Bench) -> None:
    delivery = bench.delivered(body_of("once"))
    bench.queue.broken = {"delete"}

    bench.work(delivery)

    assert bench.records.records["run#once#message-1"].done


def test_two_messages_with_one_id_are_one_task(bench: Bench) -> None:
    outcomes = []
    for _ in range(2):
        outcomes += bench.outcomes([bench.delivered(body_of("once", id="order-7"))])

    assert outcomes == ["succeeded", "already done"]


def test_the_key_may_be_a_function_of_the_payload(bench: Bench) -> None:
    outcomes = []
    for key in ("a", "b", "a"):
        outcomes += bench.outcomes([bench.delivered(body_of("by_key", {"key": key}))])

    assert outcomes == ["succeeded", "succeeded", "already done"]


def test_a_key_function_that_fails_is_a_failure_of_the_task(bench: Bench) -> None:
    (report,) = bench.work(bench.delivered(body_of("by_key", {"no": "key"})))

    assert (report.outcome, report.reason) == ("retry later", "KeyError: 'key'")


def test_an_event_that_lambda_doubled_waits_until_the_other_ones_lease_is_over(bench: Bench) -> None:
    delivery = bench.delivered(body_of("once", {"seconds": 30}))

    async def doubled() -> list[str]:
        one = asyncio.create_task(bench.working(delivery))
        await bench.clock.sleep(10)
        (other,) = await bench.working(delivery)
        (first,) = await one
        assert other.retry_seconds is not None
        assert 110 < other.retry_seconds <= 116, "120 s from the receive, and a little more"
        return [first.outcome, other.outcome]

    assert bench.run(doubled()) == ["succeeded", "retry later"]
    assert len(bench.began) == 1
    assert len(bench.queue) == 0


def test_a_killed_ones_successor_runs_when_its_lease_is_over(bench: Bench) -> None:
    bench.send(body_of("once", {"crashes": True}))
    bench.crash(*bench.receive())
    bench.pass_time(120)

    bench.crash(*bench.receive())

    assert len(bench.began) == 2


def test_a_task_that_failed_is_free_for_its_next_attempt(bench: Bench) -> None:
    bench.send(body_of("once", {"raises": True}))
    bench.work(*bench.receive())
    bench.pass_time(20)  # its backoff, which is less than the lease was

    (report,) = bench.work(*bench.receive())

    assert (report.outcome, report.attempt) == ("retry later", 2)


class TestCodeThatMayStillRun:
    """Its process has to end. Until it is long gone the run stays owned."""

    @pytest.fixture(autouse=True, params=["it is ended after its time", "it left a thread behind"])
    def _left(self, bench: Bench, request: pytest.FixtureRequest) -> None:
        ended = request.param == "it is ended after its time"
        bench.table["once"].policy = Policy(timeout=20 if ended else None, idempotent=True)
        bench.send(body_of("once", {"goes on for": 600} if ended else {"raises": True, "must exit": True}))
        with contextlib.suppress(Crash, asyncio.CancelledError):
            bench.work(*bench.receive())

    def test_another_worker_can_begin_only_thirty_seconds_later(self, bench: Bench) -> None:
        now = bench.clock.now()

        busy = bench.run(bench.records.own("run#once#message-1", "another", now + 25, now + 60))
        later = bench.run(bench.records.own("run#once#message-1", "another", now + 31, now + 180))

        assert (type(busy), type(later)) == (Busy, Owned)

    def test_its_next_delivery_finds_the_run_free(self, bench: Bench) -> None:
        while not (again := bench.receive()):
            bench.pass_time(1)
        with contextlib.suppress(Crash, asyncio.CancelledError):
            bench.work(*again)

        assert len(bench.began) == 2


def test_without_records_it_does_not_run(bench: Bench) -> None:
    bench.records.broken = {"own"}

    (report,) = bench.work(bench.delivered(body_of("once")))

    assert report.outcome == "retry later"
    assert "whether it is done can't be known" in (report.reason or "")
    assert bench.began == []


def test_a_done_task_whose_record_fails_has_its_message_deleted_all_the_same(bench: Bench) -> None:
    bench.records.broken = {"finish"}

    (report,) = bench.work(bench.delivered(body_of("once")))

    assert (report.outcome, len(bench.queue)) == ("succeeded", 0)


def test_another_message_of_its_id_may_begin_once_it_has_failed(bench: Bench) -> None:
    dying = bench.delivered(body_of("once", {"rejects": True}, id="order-7"))
    other = bench.delivered(body_of("once", id="order-7"))

    assert bench.outcomes([dying]) + bench.outcomes([other]) == ["dead-letter", "succeeded"]


def test_a_dead_letter_of_its_id_changes_no_completion(bench: Bench) -> None:
    # Given a task that is done, and another message of its id that was received before, and is now no task's
    for _ in range(2):
        bench.send(body_of("once", id="order-7"))
    first, second = bench.receive()
    bench.work(first)
    bench.pass_time(120)
    (second,) = bench.receive()
    bench.table["once"].parse = refuse  # type: ignore[method-assign]
    bench.work(second)
    del bench.table["once"].parse

    # When a third one comes
    (report,) = bench.work(bench.delivered(body_of("once", id="order-7")))

    assert report.outcome == "already done"


def refuse(payload: object) -> None:
    raise BadPayloadError("a deploy brought another model")


class TestBusy:
    """Another worker runs it for long: its message waits for that, and uses up nothing."""

    @pytest.fixture(autouse=True)
    def _busy(self, bench: Bench) -> None:
        for_ever = bench.clock.now() + 2 * KEPT_SECONDS
        bench.run(bench.records.own("run#once#order-7", "another", bench.clock.now(), for_ever))
        bench.records.records["run#once#order-7"].until = bench.clock.now() + 105
        bench.send(body_of("once", {"raises": True}, id="order-7"))

    def comes(self, bench: Bench) -> list[Delivery]:
        """Delivers the message while the other worker still runs it."""
        bench.pass_time(3600)
        bench.records.records["run#once#order-7"].until = bench.clock.now() + 105
        return bench.receive()

    def often(self, bench: Bench, times: int) -> list[Report]:
        return [report for _ in range(times) for report in bench.work(*self.comes(bench))]

    def test_it_waits_longer_with_each_receive(self, bench: Bench) -> None:
        waits = [report.retry_seconds or 0 for report in self.often(bench, 20)]

        assert 120 <= waits[0] <= 125
        assert 1800 <= waits[-1] <= 3600

    def test_it_is_no_try_to_load_its_task(self, bench: Bench) -> None:
        self.often(bench, LOADS + 1)
        once = bench.table.pop("once")
        (unloaded,) = bench.work(*self.comes(bench))
        bench.table["once"] = once
        bench.run(bench.records.disown("run#once#order-7", "another"))
        bench.pass_time(3600)
        (begun,) = bench.work(*bench.receive())

        assert (unloaded.outcome, begun.outcome, begun.attempt) == ("retry later", "retry later", 1)

    def test_before_sqs_drops_it_it_becomes_a_dead_letter_that_says_so(self, bench: Bench) -> None:
        self.often(bench, 2)
        bench.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS)
        (report,) = bench.work(*self.comes(bench))

        assert report.outcome == "dead-letter"
        assert report.reason == (
            "SQS would drop the message in less than 4 days: "
            "not started: another worker runs its task, or has its key"
        )
