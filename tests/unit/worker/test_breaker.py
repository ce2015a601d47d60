"""A worker tells the breaker of its queue when a service is away, and counts no attempt then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from math import inf
from typing import Any

import pytest
from tests.support import NOW, WatchedGates, body_of, delay
from tests.unit.worker.conftest import Bench

from shared.delivery import Batch, Delivery
from shared.lease import FAILING, PROBE, Lease
from shared.ports.auto import Auto, Cut
from shared.ports.breaker import CUTS_SECONDS, DEFAULT_TRIP, Breaker, name_of
from shared.ports.gates import Rate, gate_of
from shared.ports.workers import Meaning
from shared.queues import DEFAULT
from worker.deadline import HARD_SECONDS
from worker.flow.breaker import FIRST
from worker.result import Report
from zigzag import Backoff, Done, Reject, Retry, Unavailable, task
from zigzag_testing.faults import Crash


class Quota(Retry):
    """A task's own kind of Retry."""


ERRORS: dict[str, BaseException | None] = {
    "away": Unavailable("SES is down"),
    "later": Unavailable("429", after=300),
    "at once": Unavailable("429", after=0),
    "refused": ConnectionRefusedError("port 25"),
    "broken": ValueError("broken"),
    "rejected": Reject("no"),
    "retry": Retry("not yet"),
    "group": ExceptionGroup("both", [Retry("later", after=900), Unavailable("SES is down")]),
    "group of one": ExceptionGroup("one", [ConnectionRefusedError("port 25")]),
    "group of both": ExceptionGroup(
        "both", [ExceptionGroup("one", [ConnectionRefusedError("port 25")]), Unavailable("429", after=300)]
    ),
    "group with another": ExceptionGroup("both", [ConnectionRefusedError("port 25"), ValueError("broken")]),
    "quota": Quota("used up", after=43_200),
    "for ever": Quota("used up", after=inf),
    "well": None,
}


def obey(payload: dict[str, Any]) -> None:
    if (error := ERRORS[payload["does"]]) is not None:
        raise error


@task(attempts=3, backoff=Backoff(first=10, longest=10), unavailable=(ConnectionError,))
def call(payload: dict[str, Any]) -> None:
    obey(payload)


@task(unavailable=(Quota,))
def with_a_quota(payload: dict[str, Any]) -> None:
    obey(payload)


@task(attempts=3, timeout=20, unavailable=(OSError,))
async def hanging(payload: dict[str, Any]) -> None:
    await asyncio.sleep(payload["does"])


@task(attempts=3, timeout=20, unavailable=(ConnectionError,))
async def hanging_as_ever(payload: dict[str, Any]) -> None:
    await asyncio.sleep(payload["does"])


@task(attempts=1, unavailable=(ConnectionError,))
def once_only(payload: dict[str, Any]) -> None:
    obey(payload)


@task(done=lambda name, id: Done())
def stored(payload: dict[str, Any]) -> None: ...


TASKS = {one.name: one for one in (call, once_only, with_a_quota, hanging, hanging_as_ever, stored)}


class Desk(Bench):
    """A worker's bench with gates."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = WatchedGates(self.clock)

    @property
    def breaker(self) -> Breaker:
        return gate_of(self.gates.attributes[DEFAULT]).breaker

    @property
    def rate(self) -> Rate | None:
        return gate_of(self.gates.attributes[DEFAULT]).rate

    def fail(self, many: int, at: float = NOW) -> None:
        """Reports so many other messages whose service is unavailable."""
        for number in range(many):
            self.run(self.gates.unavailable(DEFAULT, f"other {number}", at, None))

    def attempt(
        self,
        does: str | float,
        *,
        name: str = "call",
        doubt: str = "",
        receives: int = 1,
        took: float = 0,
        controlled: bool = True,
    ) -> Report:
        """Works a message whose task does that. It was received so often, and under way for so long."""
        one = self.delivered_often(receives, body_of(name, {"does": does}))
        now = self.clock.now()
        self.pass_time(took)
        (report,) = self.works(one, lease=Lease(now, now + 90, now + 120, doubt=doubt), controlled=controlled)
        return report

    def works(
        self, *deliveries: Delivery, lease: Lease | None = None, controlled: bool = True
    ) -> list[Report]:
        """Works one dispatch of them, by default with a lease that says that others have failed."""
        lease = lease or Lease(NOW, NOW + 90, NOW + 120, doubt=FAILING)
        leased = tuple(Delivery(one.message, one.queue_url, lease) for one in deliveries)
        worker = self.worker(TASKS, gates=(self.gates, self.gates) if controlled else None)
        return self.run(worker.work(Batch(leased), lambda: 900))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


class TestUnavailable:
    @pytest.mark.parametrize("does", ["away", "refused", "group"])
    def test_before_the_breaker_shuts_it_is_an_attempt_like_any_failure(self, desk: Desk, does: str) -> None:
        report = desk.attempt(does)

        assert (report.outcome, report.attempt) == ("retry later", 1)
        assert report.reason is not None
        assert "no attempt" not in report.reason
        assert len(desk.breaker.failing) == 1

    @pytest.mark.parametrize("does", ["away", "refused", "group"])
    def test_once_enough_have_said_it_no_attempt_is_used_up(self, desk: Desk, does: str) -> None:
        desk.fail(DEFAULT_TRIP - 1)

        for receives in (1, 9):  # the breaker is open for a success, and shut again
            report = desk.attempt(does, receives=receives)
            assert report.outcome == "retry later"
            assert report.reason is not None
            assert report.reason.startswith("no attempt, its queue is shut: ")
            assert report.retry_seconds is not None
            assert 15 <= report.retry_seconds <= 60

    def test_a_direct_call_tells_it_to_no_queue(self, desk: Desk) -> None:
        called = desk.delivered(body_of("call", {"does": "away"})).message
        worker = desk.worker(TASKS, gates=(desk.gates, desk.gates))

        (report,) = desk.run(worker.work(Batch((Delivery(called),)), lambda: 900))

        assert (report.reason, dict(desk.gates.attributes)) == ("SES is down", {})

    def test_nor_is_the_only_attempt_that_a_task_has(self, desk: Desk) -> None:
        desk.fail(DEFAULT_TRIP)

        assert desk.attempt("away", name="once_only").outcome == "retry later"
        assert desk.attempt("away", name="once_only", controlled=False).outcome == "dead-letter"

    @pytest.mark.parametrize(("does", "after"), [("later", 300), ("at once", 0)])
    def test_it_says_until_when_there_is_no_use_in_trying(self, desk: Desk, does: str, after: float) -> None:
        desk.fail(DEFAULT_TRIP)

        report = desk.attempt(does)

        assert report.retry_seconds is not None
        assert report.retry_seconds >= after
        assert desk.breaker.shut_until == desk.clock.now() + after

    @pytest.mark.parametrize("does", ["group of one", "group of both"])
    def test_a_group_says_it_if_all_its_errors_do(self, desk: Desk, does: str) -> None:
        desk.fail(DEFAULT_TRIP)

        report = desk.attempt(does)

        assert report.reason is not None
        assert report.reason.startswith("no attempt, its queue is shut: ")
        assert desk.breaker.shut_until == (NOW + 300 if does == "group of both" else 0)

    def test_the_task_s_own_timeout_says_it_as_a_timeout_error_does(self, desk: Desk) -> None:
        report = desk.attempt(21.0, name="hanging")

        assert report.reason == "took longer than its timeout of 20 s"
        assert len(desk.breaker.failing) == 1

    @pytest.mark.parametrize(("name", "seconds"), [("hanging_as_ever", 21.0), ("hanging", 19.0)])
    def test_no_other_end_of_a_task_with_a_timeout_says_it(
        self, desk: Desk, name: str, seconds: float
    ) -> None:
        desk.attempt(seconds, name=name)

        assert desk.breaker.failing == frozenset()

    @pytest.mark.parametrize("does", ["quota", "for ever"])
    def test_no_task_makes_the_others_wait_longer_than_a_quarter_of_an_hour(
        self, desk: Desk, does: str
    ) -> None:
        desk.fail(DEFAULT_TRIP)

        report = desk.attempt(does, name="with_a_quota")

        assert (report.retry_seconds, desk.breaker.shut_until) == (900, NOW + 900)

    @pytest.mark.parametrize("does", ["broken", "rejected", "retry", "group with another", "well"])
    def test_nothing_else_says_it(self, desk: Desk, does: str) -> None:
        desk.attempt(does)

        assert desk.breaker.failing == frozenset()

    def test_one_that_says_it_again_is_counted_once(self, desk: Desk) -> None:
        one = desk.delivered(body_of("call", {"does": "away"}))

        for _ in range(3):
            desk.works(one)

        assert desk.breaker.failing == {name_of(one.message_id)}

    def test_of_a_fifo_queue_each_try_counts(self, desk: Desk) -> None:
        message = desk.delivered(body_of("call", {"does": "away"})).message

        for receives in ("1", "2", "2"):
            system = {"ApproximateReceiveCount": receives, "MessageDeduplicationId": "1"}
            desk.works(Delivery({**message, "Attributes": message["Attributes"] | system}, desk.queue.url))

        assert len(desk.breaker.failing) == 2

    def test_those_whose_success_would_not_be_told_are_counted_once_together(self, desk: Desk) -> None:
        for _ in range(3):
            desk.attempt("away", doubt="")

        assert desk.breaker.failing == {FIRST}

    @pytest.mark.parametrize(
        "controlled", [False, True], ids=["no flow control", "the gates can't be reached"]
    )
    def test_it_is_a_retry_if_nobody_can_be_told(self, desk: Desk, controlled: bool) -> None:
        desk.gates.broken["unavailable"] = Meaning.TRANSIENT

        report = desk.attempt("later", controlled=controlled)

        assert (report.outcome, report.attempt, report.retry_seconds) == ("retry later", 1, 300)

    def test_the_hard_end_does_not_ask_again(self, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
        delay(desk, desk.gates, "unavailable", after=25)
        worker = desk.worker({"call": call}, gates=(desk.gates, desk.gates))
        desk.send(body_of("call", {"does": "away"}))

        with caplog.at_level("INFO"), contextlib.suppress(Crash, asyncio.CancelledError):
            desk.run(worker.work(Batch(tuple(desk.receive())), lambda: 18 - desk.seconds()))

        assert (desk.gates.calls.count("unavailable"), desk.seconds()) == (1, 18 - HARD_SECONDS)
        (line,) = [vars(record)["fields"] for record in caplog.records if record.message == "delivery"]
        assert (line["outcome"], line["settled"]) == ("retry later", True)
        assert line["reason"] == "SES is down"


class TestBatch:
    def test_once_the_queue_is_shut_the_rest_of_it_is_left_to_come_again(self, desk: Desk) -> None:
        desk.fail(DEFAULT_TRIP - 2)
        desk.send(*(body_of("call", {"does": does}) for does in ("away", "away", "well", "away")))

        reports = desk.works(*desk.receive())

        assert [report.settled for report in reports] == [True] * 4
        assert [report.outcome for report in reports] == ["retry later"] * 2 + ["released"] * 2
        assert {report.reason for report in reports[2:]} == {"its queue is shut"}
        assert all(15 <= (report.retry_seconds or 0) <= 60 for report in reports[1:])


class TestAuto:
    """Unavailable under a rate that finds itself."""

    RULE = Auto(60, 0.01)

    @pytest.fixture
    def desk(self, desk: Desk) -> Desk:
        desk.run(desk.gates.limit(DEFAULT, Rate(0.1), self.RULE))
        return desk

    @pytest.mark.parametrize("does", ["away", "refused", "group"])
    def test_it_cuts_the_rate(self, desk: Desk, does: str) -> None:
        desk.attempt(does)

        auto = gate_of(desk.gates.attributes[DEFAULT]).auto
        assert desk.rate == Rate(pytest.approx(0.1 / 0.85))
        assert auto is not None
        assert (auto.refused, auto.cut) == (pytest.approx(0.1), desk.clock.now())

    @pytest.mark.parametrize("does", ["broken", "rejected", "retry", "well"])
    def test_nothing_else_does(self, desk: Desk, does: str) -> None:
        desk.attempt(does)

        assert desk.rate == Rate(0.1)

    def test_of_many_at_once_one_does(self, desk: Desk) -> None:
        for _ in range(20):
            desk.attempt("away")

        assert desk.rate == Rate(pytest.approx(0.1 / 0.85))

    def test_one_that_was_received_before_the_last_cut_does_not(self, desk: Desk) -> None:
        desk.run(desk.gates.cut(DEFAULT, Cut(0.2, 0.1, desk.clock.now(), 0.0)))

        desk.attempt("away", took=30)

        assert desk.rate == Rate(0.2)

    def test_while_the_queue_is_shut_none_does(self, desk: Desk) -> None:
        desk.fail(2 * DEFAULT_TRIP)  # its hours begin when it could shut first
        desk.fail(DEFAULT_TRIP)

        report = desk.attempt("away", name="once_only", took=CUTS_SECONDS, receives=30)

        assert report.outcome == "retry later"
        assert desk.breaker.is_shut(desk.clock.now())
        assert desk.rate == Rate(0.1)

    def test_one_that_comes_again_and_again_does_seldom(self, desk: Desk) -> None:
        cuts = 0
        for _ in range(30):
            desk.attempt("away", receives=3)
            cuts += desk.rate != Rate(0.1)
            desk.run(desk.gates.limit(DEFAULT, Rate(0.1), self.RULE))
            desk.run(desk.gates.succeeded(DEFAULT, NOW, NOW))
            desk.queue.purge()

        assert 4 <= cuts <= 18, "one in three"

    def test_no_attempt_is_used_up(self, desk: Desk) -> None:
        report = desk.attempt("away", name="once_only")

        assert report.outcome == "retry later"
        assert report.reason == "no attempt, its queue's rate may be too high: Unavailable: SES is down"

    @pytest.mark.parametrize(
        ("receives", "least", "most"), [(0, 15, 60), (1, 15, 60), (2, 30, 120), (4, 120, 480), (24, 900, 900)]
    )
    def test_it_waits_longer_each_time(self, desk: Desk, receives: int, least: int, most: int) -> None:
        seconds = desk.attempt("away", receives=receives).retry_seconds

        assert seconds is not None
        assert least <= seconds <= most

    def test_after_so_many_receives_it_is_an_attempt(self, desk: Desk) -> None:
        assert desk.attempt("away", name="once_only", receives=24).outcome == "retry later"
        assert desk.attempt("away", name="once_only", receives=25).outcome == "dead-letter"

    def test_it_says_until_when_there_is_no_use_in_trying(self, desk: Desk) -> None:
        assert desk.attempt("later").retry_seconds == 300

    def test_the_message_comes_again_though_the_rate_can_not_be_cut(self, desk: Desk) -> None:
        desk.gates.broken["cut"] = Meaning.TRANSIENT

        assert desk.attempt("away", name="once_only").outcome == "retry later"
        assert desk.rate == Rate(0.1)


class TestSuccess:
    @pytest.mark.parametrize(
        ("said", "at", "doubt", "left"),
        [
            pytest.param(3, NOW + 1, FAILING, 0, id="of any, before it is shut"),
            pytest.param(DEFAULT_TRIP, NOW + 1, PROBE, 0, id="of the one that tries"),
            pytest.param(DEFAULT_TRIP, NOW - 1, FAILING, 0, id="of one that was received later"),
            pytest.param(DEFAULT_TRIP, NOW + 9, FAILING, DEFAULT_TRIP, id="not of one long before"),
            pytest.param(3, NOW - 1, "", 3, id="not where nobody had heard of it"),
        ],
    )
    def test_takes_back_what_was_said(self, desk: Desk, said: int, at: float, doubt: str, left: int) -> None:
        desk.fail(said, at)

        desk.attempt("well", doubt=doubt, took=10)

        assert len(desk.breaker.failing) == left

    def test_a_task_that_its_own_database_has_done_is_one(self, desk: Desk) -> None:
        desk.fail(DEFAULT_TRIP)

        assert desk.attempt("well", name="stored", doubt=PROBE).outcome == "already done"
        assert desk.breaker.failing == frozenset()

    @pytest.mark.parametrize("does", ["broken", "rejected", "away"])
    def test_a_failure_is_none(self, desk: Desk, does: str) -> None:
        desk.fail(3)

        desk.attempt(does, doubt=PROBE)

        assert len(desk.breaker.failing) >= 3
