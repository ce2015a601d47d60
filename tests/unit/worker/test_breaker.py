"""A worker tells the breaker of its queue when a service is away, and counts no attempt then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

import pytest
from tests.support import NOW, World, body_of

from shared.delivery import Batch, Delivery
from shared.lease import FAILING, PROBE, Lease
from shared.ports.auto import Auto, Cut
from shared.ports.breaker import CUTS_SECONDS, DEFAULT_TRIP, Breaker, name_of
from shared.ports.gates import Gate, GatesError, Rate, gate_of
from shared.queues import DEFAULT
from worker.deadline import HARD_SECONDS
from worker.flow.breaker import FIRST
from worker.result import Report
from zigzag import Backoff, Reject, Retry, Unavailable, task
from zigzag_testing.faults import Crash
from zigzag_testing.memory_gates import MemoryGates


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


class Gates(MemoryGates):
    """`away` is whether they can't be reached, `uncut` whether they can't at a cut.

    silent -- waits as long as a call without answer.
    """

    away = uncut = False
    silent: Callable[[], Awaitable[None]] | None = None
    asked = 0

    async def unavailable(self, queue: str, message: str, now: float, until: float | None) -> Gate:
        self.asked += 1
        if self.silent is not None:
            await self.silent()
        if self.away:
            raise GatesError("no connection")
        return await super().unavailable(queue, message, now, until)

    async def cut(self, queue: str, cut: Cut) -> bool:
        if self.uncut:
            raise GatesError("no connection")
        return await super().cut(queue, cut)

    @property
    def breaker(self) -> Breaker:
        return gate_of(self.attributes[DEFAULT]).breaker


@pytest.fixture
def gates() -> Gates:
    return Gates()


def fail(world: World, gates: Gates, many: int, at: float = NOW) -> None:
    for number in range(many):
        world.run(gates.unavailable(DEFAULT, f"other {number}", at, None))


def work(
    world: World,
    gates: Gates | None,
    does: str | float,
    *,
    name: str = "call",
    doubt: str = "",
    receives: int = 1,
    took: float = 0,
) -> Report:
    one = world.delivered_often(receives, body_of(name, {"does": does}))
    now = world.clock.now()
    world.run(world.clock.sleep(took))
    delivery = Delivery(one.message, one.queue_url, Lease(now, now + 90, now + 120, doubt=doubt))
    worker = world.worker(
        {one.name: one for one in (call, once_only, with_a_quota, hanging, hanging_as_ever)},
        gates=None if gates is None else (gates, gates),
    )
    (report,) = world.run(worker.work(Batch((delivery,)), lambda: 900))
    return report


class TestUnavailable:
    @pytest.mark.parametrize("does", ["away", "refused", "group"])
    def test_before_the_breaker_shuts_it_is_an_attempt_like_any_failure(
        self, world: World, gates: Gates, does: str
    ) -> None:
        report = work(world, gates, does)

        assert (report.outcome, report.attempt) == ("retry later", 1)
        assert report.reason is not None
        assert "no attempt" not in report.reason
        assert len(gates.breaker.failing) == 1

    @pytest.mark.parametrize("does", ["away", "refused", "group"])
    def test_once_enough_have_said_it_no_attempt_is_used_up(
        self, world: World, gates: Gates, does: str
    ) -> None:
        fail(world, gates, DEFAULT_TRIP - 1)

        for receives in (1, 9):  # the breaker is open for a success, and shut again
            report = work(world, gates, does, receives=receives)
            assert report.outcome == "retry later"
            assert report.reason is not None
            assert report.reason.startswith("no attempt, its queue is shut: ")
            assert report.retry_seconds is not None
            assert 15 <= report.retry_seconds <= 60

    def test_nor_is_the_only_attempt_that_a_task_has(self, world: World, gates: Gates) -> None:
        fail(world, gates, DEFAULT_TRIP)

        assert work(world, gates, "away", name="once_only").outcome == "retry later"
        assert work(world, None, "away", name="once_only").outcome == "dead-letter"

    @pytest.mark.parametrize(("does", "after"), [("later", 300), ("at once", 0)])
    def test_it_says_until_when_there_is_no_use_in_trying(
        self, world: World, gates: Gates, does: str, after: float
    ) -> None:
        fail(world, gates, DEFAULT_TRIP)

        report = work(world, gates, does)

        assert report.retry_seconds is not None
        assert report.retry_seconds >= after
        assert gates.breaker.shut_until == world.clock.now() + after

    @pytest.mark.parametrize("does", ["group of one", "group of both"])
    def test_a_group_says_it_if_all_its_errors_do(self, world: World, gates: Gates, does: str) -> None:
        fail(world, gates, DEFAULT_TRIP)

        report = work(world, gates, does)

        assert report.reason is not None
        assert report.reason.startswith("no attempt, its queue is shut: ")
        assert gates.breaker.shut_until == (NOW + 300 if does == "group of both" else 0)

    def test_the_task_s_own_timeout_says_it_as_a_timeout_error_does(self, world: World, gates: Gates) -> None:
        report = work(world, gates, 21.0, name="hanging")

        assert report.reason == "took longer than its timeout of 20 s"
        assert len(gates.breaker.failing) == 1

    @pytest.mark.parametrize(("name", "seconds"), [("hanging_as_ever", 21.0), ("hanging", 19.0)])
    def test_no_other_end_of_a_task_with_a_timeout_says_it(
        self, world: World, gates: Gates, name: str, seconds: float
    ) -> None:
        work(world, gates, seconds, name=name)

        assert gates.breaker.failing == frozenset()

    @pytest.mark.parametrize("does", ["quota", "for ever"])
    def test_no_task_makes_the_others_wait_longer_than_a_quarter_of_an_hour(
        self, world: World, gates: Gates, does: str
    ) -> None:
        fail(world, gates, DEFAULT_TRIP)

        report = work(world, gates, does, name="with_a_quota")

        assert (report.retry_seconds, gates.breaker.shut_until) == (900, NOW + 900)

    @pytest.mark.parametrize("does", ["broken", "rejected", "retry", "group with another", "well"])
    def test_nothing_else_says_it(self, world: World, gates: Gates, does: str) -> None:
        work(world, gates, does)

        assert gates.breaker.failing == frozenset()

    def test_one_that_says_it_again_is_counted_once(self, world: World, gates: Gates) -> None:
        world.send(body_of("call", {"does": "away"}))
        one = world.receive()[0]
        told = Delivery(one.message, one.queue_url, Lease(NOW, NOW + 90, NOW + 120, doubt=FAILING))
        worker = world.worker({"call": call}, gates=(gates, gates))

        for _ in range(3):
            world.run(worker.work(Batch((told,)), lambda: 900))

        assert gates.breaker.failing == {name_of(one.message_id)}

    def test_of_a_fifo_queue_each_try_counts(self, world: World, gates: Gates) -> None:
        world.send(body_of("call", {"does": "away"}))
        message = dict(world.receive()[0].message)
        worker = world.worker({"call": call}, gates=(gates, gates))

        for receives in ("1", "2", "2"):
            system = {"ApproximateReceiveCount": receives, "MessageDeduplicationId": "1"}
            lease = Lease(NOW, NOW + 90, NOW + 120, doubt=FAILING)
            of_fifo = message["Attributes"] | system
            one = Delivery(message | {"Attributes": of_fifo}, world.queue.url, lease)
            world.run(worker.work(Batch((one,)), lambda: 900))

        assert len(gates.breaker.failing) == 2

    def test_those_whose_success_would_not_be_told_are_counted_once_together(
        self, world: World, gates: Gates
    ) -> None:
        for _ in range(3):
            work(world, gates, "away", doubt="")

        assert gates.breaker.failing == {FIRST}

    @pytest.mark.parametrize("why", ["no flow is controlled", "the gates can't be reached"])
    def test_where_nobody_can_be_told_it_is_a_retry(self, world: World, gates: Gates, why: str) -> None:
        gates.away = True

        report = work(world, None if why == "no flow is controlled" else gates, "later")

        assert (report.outcome, report.attempt, report.retry_seconds) == ("retry later", 1, 300)

    def test_the_hard_end_does_not_ask_again(
        self, world: World, gates: Gates, caplog: pytest.LogCaptureFixture
    ) -> None:
        gates.silent = lambda: world.clock.sleep(25)
        worker = world.worker({"call": call}, gates=(gates, gates))
        world.send(body_of("call", {"does": "away"}))

        with caplog.at_level("INFO"), contextlib.suppress(Crash, asyncio.CancelledError):
            world.run(worker.work(Batch(tuple(world.receive())), lambda: 18 - world.seconds()))

        assert (gates.asked, world.seconds()) == (1, 18 - HARD_SECONDS)
        (line,) = [vars(record)["fields"] for record in caplog.records if record.message == "delivery"]
        assert (line["outcome"], line["settled"]) == ("retry later", True)
        assert line["reason"] == "SES is down"


class TestBatch:
    def test_once_the_queue_is_shut_the_rest_of_it_is_left_to_come_again(
        self, world: World, gates: Gates
    ) -> None:
        fail(world, gates, DEFAULT_TRIP - 2)
        for does in ("away", "away", "well", "away"):
            world.send(body_of("call", {"does": does}))
        worker = world.worker({"call": call}, gates=(gates, gates))
        lease = Lease(NOW, NOW + 90, NOW + 120, doubt=FAILING)
        told = tuple(Delivery(one.message, one.queue_url, lease) for one in world.receive())

        reports = world.run(worker.work(Batch(told), lambda: 900))

        assert [report.settled for report in reports] == [True] * 4
        assert [report.outcome for report in reports] == ["retry later"] * 2 + ["released"] * 2
        assert {report.reason for report in reports[2:]} == {"its queue is shut"}
        assert all(15 <= (report.retry_seconds or 0) <= 60 for report in reports[1:])


class TestAuto:
    """Unavailable under a rate that nobody has to choose."""

    RULE = Auto(60, 0.01)

    @pytest.fixture
    def gates(self, world: World) -> Gates:
        gates = Gates()
        world.run(gates.limit(DEFAULT, Rate(0.1), self.RULE))
        return gates

    def rate(self, gates: Gates) -> Rate | None:
        return gate_of(gates.attributes[DEFAULT]).rate

    @pytest.mark.parametrize("does", ["away", "refused", "group"])
    def test_it_cuts_the_rate(self, world: World, gates: Gates, does: str) -> None:
        work(world, gates, does)

        auto = gate_of(gates.attributes[DEFAULT]).auto
        assert self.rate(gates) == Rate(pytest.approx(0.1 / 0.85))
        assert auto is not None
        assert (auto.refused, auto.cut) == (pytest.approx(0.1), world.clock.now())

    @pytest.mark.parametrize("does", ["broken", "rejected", "retry", "well"])
    def test_nothing_else_does(self, world: World, gates: Gates, does: str) -> None:
        work(world, gates, does)

        assert self.rate(gates) == Rate(0.1)

    def test_of_many_at_once_one_does(self, world: World, gates: Gates) -> None:
        for _ in range(20):
            work(world, gates, "away")

        assert self.rate(gates) == Rate(pytest.approx(0.1 / 0.85))

    def test_one_that_was_received_before_the_last_cut_does_not(self, world: World, gates: Gates) -> None:
        world.run(gates.cut(DEFAULT, Cut(0.2, 0.1, world.clock.now(), 0.0)))

        work(world, gates, "away", took=30)

        assert self.rate(gates) == Rate(0.2)

    def test_while_the_queue_is_shut_none_does(self, world: World, gates: Gates) -> None:
        fail(world, gates, 2 * DEFAULT_TRIP)  # its hours begin when it could shut first
        fail(world, gates, DEFAULT_TRIP)

        report = work(world, gates, "away", name="once_only", took=CUTS_SECONDS, receives=30)

        assert report.outcome == "retry later"
        assert gates.breaker.is_shut(world.clock.now())
        assert self.rate(gates) == Rate(0.1)

    def test_one_that_comes_again_and_again_does_seldom(self, world: World, gates: Gates) -> None:
        cuts = 0
        for _ in range(30):
            work(world, gates, "away", receives=3)
            cuts += self.rate(gates) != Rate(0.1)
            world.run(gates.limit(DEFAULT, Rate(0.1), self.RULE))
            world.run(gates.succeeded(DEFAULT, NOW, NOW))
            world.queue.purge()

        assert 4 <= cuts <= 18, "one in three"

    def test_no_attempt_is_used_up(self, world: World, gates: Gates) -> None:
        report = work(world, gates, "away", name="once_only")

        assert report.outcome == "retry later"
        assert report.reason == "no attempt, its queue's rate may be too high: Unavailable: SES is down"

    @pytest.mark.parametrize(
        ("receives", "least", "most"), [(0, 15, 60), (1, 15, 60), (2, 30, 120), (4, 120, 480), (24, 900, 900)]
    )
    def test_it_waits_longer_each_time(
        self, world: World, gates: Gates, receives: int, least: int, most: int
    ) -> None:
        seconds = work(world, gates, "away", receives=receives).retry_seconds

        assert seconds is not None
        assert least <= seconds <= most

    def test_after_so_many_receives_it_is_an_attempt(self, world: World, gates: Gates) -> None:
        assert work(world, gates, "away", name="once_only", receives=24).outcome == "retry later"
        assert work(world, gates, "away", name="once_only", receives=25).outcome == "dead-letter"

    def test_it_says_until_when_there_is_no_use_in_trying(self, world: World, gates: Gates) -> None:
        assert work(world, gates, "later").retry_seconds == 300

    def test_where_it_can_not_be_cut_the_message_comes_again_all_the_same(
        self, world: World, gates: Gates
    ) -> None:
        gates.uncut = True

        assert work(world, gates, "away", name="once_only").outcome == "retry later"
        assert self.rate(gates) == Rate(0.1)


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
    def test_takes_back_what_was_said(
        self, world: World, gates: Gates, said: int, at: float, doubt: str, left: int
    ) -> None:
        fail(world, gates, said, at)

        work(world, gates, "well", doubt=doubt, took=10)

        assert len(gates.breaker.failing) == left

    @pytest.mark.parametrize("does", ["broken", "rejected", "away"])
    def test_a_failure_is_none(self, world: World, gates: Gates, does: str) -> None:
        fail(world, gates, 3)

        work(world, gates, does, doubt=PROBE)

        assert len(gates.breaker.failing) >= 3
