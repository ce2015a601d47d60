"""The worker: one delivery, from its lease to its settling."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from copy import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import NOW, World, binary, body_of, text

from shared.delivery import Batch, Delivery
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS, Lease
from worker.deadline import SOFT_SECONDS
from worker.outcome import LOADS
from worker.result import Report
from worker.triggers.dispatch import answer_of
from zigzag import Backoff, BadPayloadError, Context, Reject, Retry, SendError, task
from zigzag_testing.virtual_host import MEMORY_MB

contexts: list[Context] = []
payloads: list[Any] = []


class Person(BaseModel):
    name: str
    age: int = 0


@task(attempts=3, backoff=Backoff(first=10, longest=60))
def greet(person: Person, context: Context) -> None:
    payloads.append(person)
    contexts.append(context)


@task()
def collect(payload: dict[str, Any]) -> None:
    payloads.append(payload)


@task(attempts=2)
def fail(payload: dict[str, Any]) -> None:
    raise ValueError("broken")


@task()
def retry(payload: dict[str, Any]) -> None:
    raise Retry("the server is busy", after=payload.get("after", 7))


@task()
def reject(payload: dict[str, Any]) -> None:
    raise Reject("no such user")


@task()
def leave(payload: dict[str, Any]) -> None:
    raise SystemExit(3)


@task()
def send_badly(payload: dict[str, Any]) -> None:
    greet.send({"SECRET": 1})  # type: ignore[arg-type]


@task()
def tell_all(payload: dict[str, Any]) -> None:
    raise ValueError("x" * 1_000_000)


TABLE = {task.name: task for task in (greet, collect, fail, retry, reject, leave, send_badly, tell_all)}


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    contexts.clear()
    payloads.clear()


def work(world: World, delivery: Delivery, *, seconds_left: float = 60) -> Report:
    (report,) = work_batch(world, [delivery], seconds_left=seconds_left)
    return report


def work_batch(world: World, deliveries: Sequence[Delivery], *, seconds_left: float = 60) -> list[Report]:
    worker = world.worker(TABLE)
    ends_at = world.clock.now() + seconds_left
    return world.run(worker.work(Batch(tuple(deliveries)), lambda: ends_at - world.clock.now()))


def note(world: World) -> dict[str, Any]:
    """The note of the only dead letter."""
    (letter,) = world.dead_letters.messages
    value: dict[str, Any] = json.loads(letter.attributes["zigzag"]["StringValue"])
    return value


class TestOutcomes:
    """What a task does, and what becomes of its message."""

    def test_a_task_that_succeeds_has_its_message_deleted(self, world: World) -> None:
        report = work(world, world.delivered(body_of("greet", {"name": "ann"})))

        assert report == Report("succeeded", "greet", "message-1", attempt=1, settled=True)
        assert payloads == [Person(name="ann")]
        assert len(world.queue) == 0

    def test_a_short_task_costs_one_call(self, world: World) -> None:
        work(world, world.delivered(body_of("collect")))

        assert [method for method, *_ in world.queue.calls] == ["delete"]

    def test_a_task_that_fails_has_its_message_postponed(self, world: World) -> None:
        report = work(world, world.delivered(body_of("fail")))

        assert (report.outcome, report.reason, report.settled) == ("retry later", "ValueError: broken", True)
        assert report.retry_seconds is not None
        assert world.queue.asked("change_visibility") == [(["message-1"], report.retry_seconds)]

    def test_a_task_that_says_retry_has_its_message_postponed_as_told(self, world: World) -> None:
        report = work(world, world.delivered(body_of("retry", {"after": 99})))

        assert (report.outcome, report.retry_seconds) == ("retry later", 99)
        assert report.reason == "the server is busy"

    def test_a_retry_is_at_most_12_hours_from_the_receive(self, world: World) -> None:
        delivery = world.delivered(body_of("retry", {"after": 43_200}))
        world.pass_time(30)

        report = work(world, delivery)

        assert report.settled, "SQS would refuse one second more"
        assert report.retry_seconds is not None
        assert 43_200 - 65 <= report.retry_seconds <= 43_200 - 30

    def test_a_task_that_says_reject_has_its_message_dead_lettered_now(self, world: World) -> None:
        report = work(world, world.delivered(body_of("reject")))

        assert (report.outcome, report.reason) == ("dead-letter", "rejected: no such user")
        assert (note(world)["reason"], note(world)["attempts"]) == ("rejected: no such user", 1)

    def test_a_task_that_leaves_python_has_its_message_postponed(self, world: World) -> None:
        assert work(world, world.delivered(body_of("leave"))).reason == "SystemExit: 3"

    def test_the_last_attempt_ends_in_a_dead_letter(self, world: World) -> None:
        outcomes = []
        world.send(body_of("fail"))
        for _ in range(2):
            (delivery,) = world.receive()
            outcomes.append(work(world, delivery).outcome)
            world.pass_time(3600)

        assert outcomes == ["retry later", "dead-letter"]
        assert note(world)["reason"] == "failed after 2 attempts: ValueError: broken"
        assert "raise ValueError" in note(world)["traceback"]


class TestBadInput:
    """Bad input never loops and is never lost."""

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            pytest.param("hello", "the body is not JSON", id="not JSON"),
            pytest.param("{}", "the body names no task", id="no task"),
            pytest.param(body_of("greet", [1]), "`payload` is an array", id="no object"),
            pytest.param(
                body_of("greet", {"age": "SECRET"}),
                "the payload does not fit greet: name: Field required; age: Input should be a valid integer",
                id="a payload that does not fit",
            ),
        ],
    )
    def test_a_message_that_is_none_becomes_a_dead_letter_at_once_with_the_reason_in_words(
        self, world: World, body: str, reason: str
    ) -> None:
        report = work(world, world.delivered(body))

        assert (report.outcome, report.settled) == ("dead-letter", True)
        assert note(world)["reason"].startswith(reason)
        assert "SECRET" not in json.dumps(note(world))
        (letter,) = world.dead_letters.messages
        assert letter.body == body

    def test_an_unknown_task_is_retried_then_dead_lettered(self, world: World) -> None:
        world.send(body_of("gret"))
        outcomes = []
        while len(world.queue):
            (delivery,) = world.receive()
            outcomes.append(work(world, delivery).outcome)
            world.pass_time(3600)

        assert outcomes == ["retry later"] * (LOADS - 1) + ["dead-letter"]
        assert note(world)["reason"].endswith(
            "no task is called 'gret'; there are: "
            "collect, fail, greet, leave, reject, retry, send_badly, tell_all"
        )
        assert note(world)["task"] == "gret"

    def test_a_task_that_sends_a_bad_payload_failed_like_any_other(self, world: World) -> None:
        # Its own message is good: a deploy may mend the task.
        report = work(world, world.delivered(body_of("send_badly")))

        assert report.outcome == "retry later"
        assert issubclass(BadPayloadError, SendError)


def test_the_answer_is_small_however_long_the_errors_and_ids(world: World) -> None:
    """Lambda takes 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
    world.send(*[body_of("tell_all", id=f"{n}" * 90_000) for n in range(10)])

    reports = work_batch(world, world.receive())

    assert [report.outcome for report in reports] == ["retry later"] * 10
    assert len(json.dumps(answer_of(reports))) < 50_000


class TestLease:
    """The message must be ours, and stay ours for as long as the function may run."""

    def delivered(self, world: World, lease: Lease | None) -> Delivery:
        delivery = world.delivered(body_of("collect"))
        return Delivery(delivery.message, delivery.queue_url, lease)

    @pytest.mark.parametrize(
        ("after", "runs"),
        [pytest.param(89.9, True, id="just in time"), pytest.param(90.1, False, id="too late")],
    )
    def test_a_worker_that_starts_too_late_touches_nothing(
        self, world: World, after: float, runs: bool
    ) -> None:
        delivery = world.delivered(body_of("collect"))
        world.pass_time(after)

        report = work(world, delivery)

        assert bool(payloads) is runs
        if not runs:
            assert (report.outcome, report.settled) == ("left alone", False)
            assert "too late" in (report.reason or "")
            assert world.queue.calls == world.dead_letters.calls == []

    def test_an_event_without_a_lease_counts_as_on_time_and_is_extended_at_once(self, world: World) -> None:
        delivery = self.delivered(world, None)
        world.pass_time(100)

        report = work(world, delivery, seconds_left=60)

        assert report.outcome == "succeeded"
        assert world.queue.calls[0] == ("change_visibility", ["message-1"], 120)

    @pytest.mark.parametrize("how", ["broken", "refusing"])
    def test_where_the_lease_is_lost_the_task_does_not_run(self, world: World, how: str) -> None:
        delivery = self.delivered(world, None)
        setattr(world.queue, how, {"change_visibility"})

        report = work(world, delivery)

        assert payloads == []
        assert (report.outcome, report.settled) == ("left alone", False)
        assert "lease lost" in (report.reason or "")
        assert world.queue.asked("delete") == []

    def test_without_a_queue_even_an_endless_retry_is_no_more_than_sqs_allows(self, world: World) -> None:
        body = json.dumps({"task": "retry", "payload": {"after": 1e300}})

        report = work(world, Delivery({"Body": body}))

        assert (report.outcome, report.settled, report.retry_seconds) == ("retry later", False, 43_200)

    def test_an_event_without_a_receipt_handle_runs_the_task_and_settles_nothing(self, world: World) -> None:
        delivery = Delivery({"Body": body_of("collect", {"a": 1})}, None, Lease.taken(NOW - 10_000))

        report = work(world, delivery)

        assert payloads == [{"a": 1}]
        assert (report.outcome, report.settled, report.id) == ("succeeded", False, "unknown")
        assert world.queue.calls == world.dead_letters.calls == []


class TestContext:
    """What a task knows of itself."""

    def test_a_task_knows_its_id_attempt_sent_time_attributes_and_seconds_left(self, world: World) -> None:
        world.send(
            body_of("greet", {"name": "ann"}, id="order-7"),
            attributes={
                "user": text("ann"),
                "raw": binary(b"\x00"),
                "n": {"DataType": "Number", "StringValue": "7"},
            },
        )
        (delivery,) = world.receive()

        work(world, delivery, seconds_left=42)

        (context,) = contexts
        assert (context.id, context.task, context.attempt) == ("order-7", "greet", 1)
        assert context.sent_at == datetime.fromtimestamp(NOW, UTC)
        assert context.attributes == {"user": "ann", "raw": b"\x00", "n": "7"}
        assert context.seconds_left() == 42 - SOFT_SECONDS

    def test_the_tasks_logger_says_which_task_id_and_attempt(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        work(world, world.delivered(body_of("greet", {"name": "ann"})))

        with caplog.at_level(logging.INFO):
            contexts[0].log.info("hello")

        fields = caplog.records[-1].__dict__["fields"]
        assert fields == {"task": "greet", "id": "message-1", "attempt": 1}

    def test_after_a_redrive_a_task_sees_the_producers_attributes_and_the_first_id(
        self, world: World
    ) -> None:
        # Given a dead letter of a message with ten attributes
        ten = {f"a{number}": text(str(number)) for number in range(10)}
        work(world, world.delivered(body_of("greet", {"wrong": 1}), attributes=ten))
        (letter,) = world.dead_letters.messages

        # When it is redriven: a new message, with a new MessageId
        world.run(world.queue.send(replace(letter, body=body_of("greet", {"name": "ann"}))))
        (again,) = world.receive()
        assert again.message_id != "message-1"
        work(world, again)

        # Then its task sees what the producer sent
        (context,) = contexts
        assert context.id == "message-1"
        assert context.attributes == {f"a{number}": str(number) for number in range(10)}


class TestLog:
    """One line for a delivery."""

    def line(self, caplog: pytest.LogCaptureFixture) -> tuple[logging.LogRecord, dict[str, Any]]:
        (record,) = caplog.records
        return record, record.__dict__["fields"]

    def test_a_success_is_one_line_with_task_id_attempt_seconds_memory_and_age(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            work(world, world.delivered(body_of("collect", {"a": "SECRET"})))

        record, fields = self.line(caplog)
        assert (record.levelname, record.message) == ("INFO", "delivery")
        assert fields == {
            "outcome": "succeeded",
            "task": "collect",
            "id": "message-1",
            "attempt": 1,
            "settled": True,
            "seconds": 0.0,
            "memory_mb": MEMORY_MB,
            "age_seconds": 0.0,
            "message_id": "message-1",
            "version": "$LATEST",
        }

    @pytest.mark.parametrize(
        ("task_name", "traceback"),
        [
            pytest.param("fail", True, id="an error brings its traceback"),
            pytest.param("retry", False, id="Retry is no error"),
            pytest.param("reject", False, id="Reject says it all"),
            pytest.param("gret", False, id="so does an unknown task"),
        ],
    )
    def test_a_failure_is_one_warning(
        self, world: World, caplog: pytest.LogCaptureFixture, task_name: str, traceback: bool
    ) -> None:
        work(world, world.delivered(body_of(task_name)))

        record, _ = self.line(caplog)
        assert record.levelname == "WARNING"
        assert bool(record.exc_info) is traceback


class TestTimeOnTheQueue:
    """SQS keeps a message for 14 days, whatever becomes of it."""

    def test_what_kills_its_process_becomes_a_dead_letter_before_their_end(self, world: World) -> None:
        world.send(body_of("leave"))
        for _ in range(2):  # whose workers were killed
            (delivery,) = world.receive()
            world.run(world.records.count(f"starts#{delivery.message_id}", str(_), world.clock.now()))
            world.pass_time(120)
        world.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS)

        report = work(world, *world.receive())

        assert (report.outcome, report.settled) == ("dead-letter", True)
        assert note(world)["reason"].startswith("started 2 times, and SQS would drop the message")

    @pytest.mark.parametrize("records", ["reached", "away"])
    def test_what_would_be_postponed_near_their_end_becomes_a_dead_letter(
        self, world: World, records: str
    ) -> None:
        world.send(body_of("retry"))
        world.receive()
        world.records.broken = set() if records == "reached" else {"count"}
        world.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)

        report = work(world, *world.receive())

        assert report.outcome == "dead-letter"
        assert note(world)["reason"].startswith("SQS would drop the message in less than 4 days")

    def test_a_first_start_near_their_end_is_counted_so_that_a_kill_is_the_last(self, world: World) -> None:
        world.send(body_of("greet", {"name": "ann"}))
        world.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)

        report = work(world, *world.receive())

        assert (report.outcome, report.attempt) == ("succeeded", 1)
        assert world.records.calls == ["count"]

    def test_a_first_start_near_their_end_needs_no_record(self, world: World) -> None:
        world.records.broken = {"count"}
        world.send(body_of("greet", {"name": "ann"}))
        world.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)

        assert work(world, *world.receive()).outcome == "succeeded"
