"""The worker: one delivery, from its lease to its settling."""

from __future__ import annotations

import json
import logging
from copy import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import NOW, binary, body_of, text
from tests.unit.worker.conftest import Bench, note

from shared.delivery import Delivery
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS, Lease
from worker.deadline import SOFT_SECONDS
from worker.result import Report
from worker.triggers.dispatch import answer_of
from zigzag import task


class Person(BaseModel):
    name: str
    age: int = 0


@task()
def greet(person: Person) -> None: ...


@task()
def send_badly(payload: dict[str, Any]) -> None:
    greet.send({"SECRET": 1})  # type: ignore[arg-type]


@task()
def tell_all(payload: dict[str, Any]) -> None:
    raise ValueError("x" * 1_000_000)


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.table |= {one.name: one for one in (greet, send_badly, tell_all)}
    return bench


class TestOutcomes:
    """Ends of a task, and the fate of its message."""

    def test_a_task_that_succeeds_has_its_message_deleted(self, bench: Bench) -> None:
        (report,) = bench.work(bench.delivered(body_of("plain", {"n": 7})))

        assert report == Report("succeeded", "plain", "message-1", attempt=1, settled=True)
        assert [n for n, _ in bench.began] == [7]
        assert len(bench.queue) == 0

    def test_a_task_that_fails_has_its_message_postponed(self, bench: Bench) -> None:
        (report,) = bench.work(bench.delivered(body_of("plain", {"raises": True})))

        assert (report.outcome, report.reason, report.settled) == ("retry later", "ValueError: broken", True)
        assert report.retry_seconds is not None
        assert bench.queue.asked("change_visibility") == [(["message-1"], report.retry_seconds)]

    def test_a_task_that_says_retry_has_its_message_postponed_as_told(self, bench: Bench) -> None:
        (report,) = bench.work(bench.delivered(body_of("plain", {"retries in": 99})))

        assert (report.outcome, report.retry_seconds, report.reason) == ("retry later", 99, "busy")

    def test_a_retry_is_at_most_12_hours_from_the_receive(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("plain", {"retries in": 43_200}))
        bench.pass_time(30)

        (report,) = bench.work(delivery)

        assert report.settled, "SQS would refuse one second more"
        assert report.retry_seconds is not None
        assert 43_200 - 65 <= report.retry_seconds <= 43_200 - 30

    def test_a_task_that_says_reject_has_its_message_dead_lettered_now(self, bench: Bench) -> None:
        (report,) = bench.work(bench.delivered(body_of("plain", {"rejects": True})))

        assert (report.outcome, report.reason) == ("dead-letter", "rejected: no")
        assert (note(bench)["reason"], note(bench)["attempts"]) == ("rejected: no", 1)

    def test_a_task_that_sends_a_bad_payload_failed_like_any_other(self, bench: Bench) -> None:
        """Its own message is good: a deploy may repair the task."""
        assert bench.outcomes([bench.delivered(body_of("send_badly"))]) == ["retry later"]


class TestBadInput:
    """Bad input never loops and is never lost."""

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            pytest.param("hello", "the body is not JSON", id="not JSON"),
            pytest.param("{}", "the body names no task", id="no task"),
            pytest.param(body_of("plain", [1]), "`payload` is an array", id="no object"),
            pytest.param(
                body_of("greet", {"age": "SECRET"}),
                "the payload does not fit greet: name: Field required; age: Input should be a valid integer",
                id="a payload that does not fit",
            ),
        ],
    )
    def test_a_message_that_is_none_becomes_a_dead_letter_at_once_with_the_reason_in_words(
        self, bench: Bench, body: str, reason: str
    ) -> None:
        (report,) = bench.work(bench.delivered(body))

        assert (report.outcome, report.settled) == ("dead-letter", True)
        assert note(bench)["reason"].startswith(reason)
        assert "SECRET" not in json.dumps(note(bench))
        assert [letter.body for letter in bench.dead_letters.messages] == [body]


def test_the_answer_is_small_however_long_the_errors_and_ids(bench: Bench) -> None:
    """Lambda takes 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
    bench.send(*[body_of("tell_all", id=f"{n}" * 90_000) for n in range(10)])

    reports = bench.work(*bench.receive())

    assert [report.outcome for report in reports] == ["retry later"] * 10
    assert len(json.dumps(answer_of(reports))) < 50_000


class TestLease:
    """The message must be ours, and stay ours for as long as the function may run."""

    @pytest.fixture
    def unknown(self, bench: Bench) -> Delivery:
        """Returns a delivery whose lease nobody knows."""
        delivery = bench.delivered(body_of("plain"))
        return Delivery(delivery.message, delivery.queue_url, None)

    def test_a_worker_that_starts_in_time_does_its_work(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("plain"))
        bench.pass_time(89.9)

        assert bench.outcomes([delivery]) == ["succeeded"]

    def test_a_worker_that_starts_too_late_touches_nothing(self, bench: Bench) -> None:
        delivery = bench.delivered(body_of("plain"))
        bench.pass_time(90.1)

        (report,) = bench.work(delivery)

        assert (report.outcome, report.settled, bench.began) == ("left alone", False, [])
        assert "too late" in (report.reason or "")
        assert bench.queue.calls == bench.dead_letters.calls == []

    def test_an_event_without_a_lease_counts_as_on_time_and_is_extended_at_once(
        self, bench: Bench, unknown: Delivery
    ) -> None:
        bench.pass_time(100)

        assert bench.outcomes([unknown]) == ["succeeded"]
        assert bench.queue.calls[0] == ("change_visibility", ["message-1"], 120)

    @pytest.mark.parametrize("how", ["broken", "refusing"])
    def test_the_task_does_not_run_if_the_lease_is_lost(
        self, bench: Bench, unknown: Delivery, how: str
    ) -> None:
        setattr(bench.queue, how, {"change_visibility"})

        (report,) = bench.work(unknown)

        assert (report.outcome, report.settled, bench.began) == ("left alone", False, [])
        assert "lease lost" in (report.reason or "")
        assert bench.queue.asked("delete") == []


class TestWithoutAQueue:
    """An event as a person makes one, with no receipt handle: its task runs, and nothing is settled."""

    @pytest.mark.parametrize("attributes", [{}, {"MessageDeduplicationId": "d"}], ids=["standard", "FIFO"])
    def test_no_call_is_made_however_late_it_is_or_long_it_takes(
        self, bench: Bench, attributes: dict[str, str]
    ) -> None:
        message = {"Body": body_of("plain", {"n": 1, "seconds": 300}), "Attributes": attributes}

        (report,) = bench.work(Delivery(message, None, Lease.taken(NOW - 10_000)))

        assert (report.outcome, report.settled, report.id) == ("succeeded", False, "unknown")
        assert [n for n, _ in bench.began] == [1]
        assert bench.queue.calls == bench.dead_letters.calls == bench.records.calls == []

    def test_even_an_endless_retry_is_no_more_than_sqs_allows(self, bench: Bench) -> None:
        (report,) = bench.work(Delivery({"Body": body_of("plain", {"retries in": 1e300})}))

        assert (report.outcome, report.settled, report.retry_seconds) == ("retry later", False, 43_200)

    def test_a_batch_is_reported_in_its_order(self, bench: Bench) -> None:
        deliveries = [Delivery({"Body": body_of("plain", {"raises": raises})}) for raises in (0, 1, 0)]

        assert bench.outcomes(deliveries) == ["succeeded", "retry later", "succeeded"]


class TestContext:
    """The context that a task gets."""

    def test_a_task_knows_its_id_attempt_sent_time_attributes_and_seconds_left(self, bench: Bench) -> None:
        number = {"DataType": "Number", "StringValue": "7"}
        attributes = {"user": text("ann"), "raw": binary(b"\x00"), "n": number}

        bench.work(bench.delivered(body_of("plain", id="order-7"), attributes=attributes), seconds_left=42)

        (context,) = bench.contexts
        assert (context.id, context.task, context.attempt) == ("order-7", "plain", 1)
        assert context.sent_at == datetime.fromtimestamp(NOW, UTC)
        assert context.attributes == {"user": "ann", "raw": b"\x00", "n": "7"}
        assert context.seconds_left() == 42 - SOFT_SECONDS

    def test_the_tasks_logger_says_which_task_id_and_attempt(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.work(bench.delivered(body_of("plain")))

        with caplog.at_level(logging.INFO):
            bench.contexts[0].log.info("hello")

        fields = caplog.records[-1].__dict__["fields"]
        assert fields == {"task": "plain", "id": "message-1", "attempt": 1}

    def test_after_a_redrive_a_task_sees_the_producers_attributes_and_the_first_id(
        self, bench: Bench
    ) -> None:
        # Given a dead letter of a message with ten attributes
        ten = {f"a{number}": text(str(number)) for number in range(10)}
        bench.work(bench.delivered("no JSON", attributes=ten))
        (letter,) = bench.dead_letters.messages

        # When it is redriven: a new message, with a new MessageId
        bench.run(bench.queue.send(replace(letter, body=body_of("plain"))))
        (again,) = bench.receive()
        assert again.message_id != "message-1"
        bench.work(again)

        # Then its task sees what the producer sent
        (context,) = bench.contexts
        assert context.id == "message-1"
        assert context.attributes == {f"a{number}": str(number) for number in range(10)}


class TestTimeOnTheQueue:
    """SQS keeps a message for 14 days, and no longer."""

    def test_a_message_that_kills_its_process_becomes_a_dead_letter_before_their_end(
        self, bench: Bench
    ) -> None:
        bench.send(body_of("plain", {"crashes": True}))
        for _ in range(3):  # of which the first delivery is not counted
            bench.crash(*bench.receive())
            bench.pass_time(120)
        bench.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS)

        (report,) = bench.work(*bench.receive())

        assert (report.outcome, report.settled) == ("dead-letter", True)
        assert note(bench)["reason"].startswith("started 2 times, and SQS would drop the message")

    @pytest.mark.parametrize("records", ["reached", "away"])
    def test_a_message_that_would_be_postponed_near_their_end_becomes_a_dead_letter(
        self, bench: Bench, records: str
    ) -> None:
        bench.send(body_of("plain", {"retries in": 7}))
        bench.receive()
        bench.records.broken = set() if records == "reached" else {"count"}
        bench.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)

        assert bench.outcomes(bench.receive()) == ["dead-letter"]
        assert note(bench)["reason"].startswith("SQS would drop the message in less than 4 days")

    @pytest.mark.parametrize("records", ["reached", "away"])
    def test_a_first_start_near_their_end_is_counted_so_that_a_kill_is_the_last(
        self, bench: Bench, records: str
    ) -> None:
        bench.send(body_of("plain"))
        bench.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)
        bench.records.broken = set() if records == "reached" else {"count"}

        assert bench.outcomes(bench.receive()) == ["succeeded"]
        assert (bench.records.calls, bench.contexts[0].attempt) == (["count"], 1)
