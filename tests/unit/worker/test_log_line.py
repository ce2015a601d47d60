"""A delivery's log line, which is its metrics as well where they are asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest
from tests.support import NOW, QUEUE_URL, body_of, delay, text
from tests.unit.worker.conftest import Bench

from shared.delivery import Batch, Delivery
from shared.log import JsonFormatter
from worker.record import Record
from zigzag import task
from zigzag_testing.virtual_host import MEMORY_MB, VirtualHost

OUTCOMES = {"succeeded", "already done", "retry later", "released", "dead-letter", "ignored", "left alone"}
MAX_OF_A_QUEUE = 8
"""Metrics, as the pages say, and count with."""

MAX_CHARACTERS = 1024


@task()
def tell(payload: dict[str, Any]) -> None:
    raise ValueError(payload["text"])


@task(attempts=1, on_failure="ignore")
def forget(payload: dict[str, Any]) -> None:
    raise ValueError("of no interest")


LINES = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def lines_of(bench: Bench, caplog: pytest.LogCaptureFixture) -> LINES:
    """Works deliveries in one dispatch. Returns their lines, as they are written."""

    def lines_of(
        *deliveries: Delivery, metrics_of: str | None = QUEUE_URL, seconds_left: float = 60.0, **of: Any
    ) -> list[dict[str, Any]]:
        worker = bench.worker(bench.table | {"tell": tell, "forget": forget}, metrics_of=metrics_of, **of)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            bench.run(worker.work(Batch(deliveries), lambda: seconds_left))
        written = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
        return [line for line in written if line["message"] == "delivery"]

    return lines_of


def delivered_late(bench: Bench, seconds: float, body: str) -> Delivery:
    bench.send(body)
    bench.pass_time(seconds)
    return bench.receive()[0]


class TestFigures:
    """Figures of every line, with metrics or without."""

    def test_a_success_is_one_line_that_tells_this(
        self, bench: Bench, lines_of: LINES, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "17")
        delivery = delivered_late(bench, 42.5, body_of("plain", {"seconds": 30}, id="order-7"))

        (line,) = lines_of(delivery, metrics_of=None)

        del line["timestamp"]
        assert line == {
            "level": "INFO",
            "message": "delivery",
            "outcome": "succeeded",
            "task": "plain",
            "id": "order-7",
            "attempt": 1,
            "settled": True,
            "seconds": 30.0,
            "memory_mb": MEMORY_MB,
            "age_seconds": 42.5,
            "receives": 1,
            "message_id": "message-1",
            "version": "17",
        }

    def test_the_version_is_the_latest_if_none_is_told(self, bench: Bench, lines_of: LINES) -> None:
        (line,) = lines_of(bench.delivered("no JSON"))

        assert line["version"] == "$LATEST"

    @pytest.mark.parametrize(
        ("body", "traceback"),
        [
            pytest.param(body_of("plain", {"raises": True}), True, id="an error brings its traceback"),
            pytest.param(body_of("plain", {"retries in": 7}), False, id="Retry is no error"),
            pytest.param(body_of("plain", {"rejects": True}), False, id="Reject says it all"),
            pytest.param(body_of("plane"), False, id="so does an unknown task"),
        ],
    )
    def test_a_failure_is_a_warning(self, bench: Bench, lines_of: LINES, body: str, traceback: bool) -> None:
        (line,) = lines_of(bench.delivered(body))

        assert (line["level"], "traceback" in line) == ("WARNING", traceback)

    def test_a_traceback_begins_in_the_code_of_the_task(self, bench: Bench, lines_of: LINES) -> None:
        (line,) = lines_of(bench.delivered(body_of("tell", {})))

        first, place, _, _, error = line["traceback"].splitlines()
        assert (first, error) == ("Traceback (most recent call last):", "KeyError: 'text'")
        assert place.endswith(f'{__file__}", line {tell.function.__code__.co_firstlineno + 2}, in tell')

    def test_a_success_that_waits_for_its_deletion_takes_no_longer_for_that(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        bench.send(body_of("plain", {"seconds": 0.5}), body_of("plain", {"seconds": 30}))

        lines = lines_of(*bench.receive())

        assert len(bench.queue.asked("delete")) == 1, "both together"
        assert [line["seconds"] for line in lines] == [0.5, 30.0]

    def test_there_is_no_wait_if_the_time_of_sending_is_not_known(self, lines_of: LINES) -> None:
        (line,) = lines_of(Delivery({"Body": body_of("plain")}, None))

        assert "age_seconds" not in line

    def test_a_delivery_that_was_not_started_has_no_wait(self, bench: Bench, lines_of: LINES) -> None:
        delivery = bench.delivered(body_of("plain"))
        bench.pass_time(100)

        (line,) = lines_of(delivery)

        assert (line["outcome"], line["seconds"], line.get("age_seconds")) == ("left alone", 0.0, None)

    def test_a_clock_that_is_behind_sqs_makes_no_wait_of_less_than_nothing(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        delivery = bench.delivered(body_of("plain"))
        later = {**delivery.message["Attributes"], "SentTimestamp": str(int((NOW + 2) * 1000))}
        message = {**delivery.message, "Attributes": later}

        (line,) = lines_of(Delivery(message, delivery.queue_url, delivery.lease))

        assert line["age_seconds"] == 0


class TestAudit:
    """Fields that only an audit asks for. A usual line has none of them but `receives`."""

    RARE = ("idempotent", "redriven", "lost", "called", "started", "ran_seconds")

    def rare(self, line: dict[str, Any]) -> dict[str, Any]:
        return {name: line[name] for name in self.RARE if name in line}

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            (body_of("plain"), {}),
            (body_of("plain", {"raises": True}), {}),
            (body_of("once"), {"idempotent": "id"}),
            (body_of("by_key", {"key": "anna@example.com"}), {"idempotent": "key"}),
            (body_of("nobody"), {"called": False}),
            ("no JSON", {"called": False}),
        ],
    )
    def test_a_task_is_idempotent_by_its_id_or_its_key_and_was_called_or_not(
        self, bench: Bench, lines_of: LINES, body: str, fields: dict[str, Any]
    ) -> None:
        (line,) = lines_of(bench.delivered(body))

        assert (line["receives"], self.rare(line)) == (1, fields)

    def test_one_that_is_done_already_was_not_called_and_does_not_say_so(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        lines_of(bench.delivered(body_of("once", id="a")))

        (line,) = lines_of(bench.delivered(body_of("once", id="a")))

        assert (line["outcome"], self.rare(line)) == ("already done", {"idempotent": "id"})

    def test_a_line_that_waits_tells_when_its_task_was_called(self, bench: Bench, lines_of: LINES) -> None:
        bench.send(body_of("plain", {"seconds": 0.5}), body_of("plain", {"seconds": 30}))

        first, second = lines_of(*bench.receive())

        assert (self.rare(first), self.rare(second)) == ({"started": NOW}, {})

    def test_an_attempt_that_waits_for_the_table_tells_how_long_its_task_ran(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        delay(bench, bench.records, "own", before=7)

        (line,) = lines_of(bench.delivered(body_of("once", {"seconds": 2})))

        assert (line["seconds"], self.rare(line)) == (9, {"idempotent": "id", "ran_seconds": 2})

    @pytest.mark.parametrize(
        ("name", "seconds", "broken", "lost"),
        [
            ("plain", 50, {"change_visibility"}, None),
            ("plain", 200, {"change_visibility"}, "lease"),
            ("once", 200, {"extend"}, "record"),
            ("once", 200, {"change_visibility", "extend"}, "lease, record"),
            ("once", 0, {"finish"}, "completion"),
        ],
    )
    def test_what_an_attempt_has_lost_is_said(
        self, bench: Bench, lines_of: LINES, name: str, seconds: int, broken: set[str], lost: str | None
    ) -> None:
        bench.records.broken = bench.queue.broken = broken

        (line,) = lines_of(bench.delivered(body_of(name, {"seconds": seconds})), seconds_left=900)

        assert line.get("lost") == lost

    def test_a_completion_without_an_answer_yet_may_be_lost_if_the_hard_end_asks(self, bench: Bench) -> None:
        record = Record(bench.records, "run#once#a", 1, bench.clock, Random(0), VirtualHost())
        seen: list[list[str]] = []
        finish = bench.records.finish

        async def asked_meanwhile(*arguments: Any) -> bool:
            seen.append(record.lost(NOW))
            return await finish(*arguments)

        bench.records.finish = asked_meanwhile  # type: ignore[method-assign]
        bench.run(record.own(NOW + 120))
        bench.run(record.finish())

        assert (seen, record.lost(NOW)) == ([["completion"]], [])

    def test_a_redriven_message_and_a_queue_other_than_the_first_are_named(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        noted = {"zigzag": text('{"from": "m-1", "message_id": "m-1"}')}

        (line,) = lines_of(
            bench.delivered(body_of("plain"), attributes=noted), metrics_of=None, name="urgent"
        )

        assert (line["redriven"], line["queue"]) == (True, "urgent")


def metrics_in(line: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    """Returns the metrics that CloudWatch makes of a line: name, and dimensions with their values.

    Fails if the line breaks a rule of the embedded metric format
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
    """
    found: set[tuple[Any, ...]] = set()
    embedded = line["_aws"]
    assert (set(embedded), type(embedded["Timestamp"])) == ({"Timestamp", "CloudWatchMetrics"}, int)
    for directive in embedded["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert directive["Namespace"] == "Zigzag"
        for dimensions in directive["Dimensions"]:
            assert all(1 <= len(line[name]) <= MAX_CHARACTERS for name in dimensions)
            for metric in directive["Metrics"]:
                assert metric == {"Name": metric["Name"], "Unit": "Seconds"}
                assert type(line[metric["Name"]]) in (int, float)
                found.add((metric["Name"], *((name, line[name]) for name in dimensions)))
    return found


class TestMetrics:
    """Metrics that CloudWatch makes of a line."""

    def test_a_success_is_its_seconds_and_how_long_its_message_waited(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        (line,) = lines_of(delivered_late(bench, 5, body_of("plain")))

        assert metrics_in(line) == {
            ("seconds", ("queue", "tasks"), ("outcome", "succeeded")),
            ("age_seconds", ("queue", "tasks")),
        }
        assert line["_aws"]["Timestamp"] == (NOW + 5) * 1000

    def test_later_attempts_wait_as_their_backoff_says_and_count_for_no_metric(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        bench.send(body_of("plain", {"raises": True}))
        lines: list[dict[str, Any]] = []
        for _ in range(3):
            lines += lines_of(*bench.receive())
            bench.pass_time(3600)

        ages = [sum(metric[0] == "age_seconds" for metric in metrics_in(line)) for line in lines]
        assert ages == [1, 0, 0]
        assert [line["age_seconds"] for line in lines] == [0, 3600, 7200]

    def test_a_queue_has_at_most_eight_metrics_whatever_becomes_of_its_messages(
        self, bench: Bench, lines_of: LINES
    ) -> None:
        lines: list[dict[str, Any]] = []
        for name in ("plain", "once", "once", "forget", "nobody", "\ud800", "x" * 300):
            lines += lines_of(bench.delivered(body_of(name, id="the same")))
        bench.queue.broken = {"change_visibility"}  # so the second of a batch is left to another process
        failing = [bench.delivered(body_of("plain", {"raises": True})) for _ in range(2)]
        lines += lines_of(*failing)
        too_late = bench.delivered(body_of("plain"))
        bench.pass_time(100)
        lines += lines_of(too_late)

        assert {line["outcome"] for line in lines} == OUTCOMES
        assert len(set[Any]().union(*map(metrics_in, lines))) == MAX_OF_A_QUEUE

    def test_an_event_makes_no_queue_of_its_own(self, bench: Bench, lines_of: LINES) -> None:
        delivery = Delivery(bench.delivered(body_of("plain")).message, "https://sqs.test/a-new-one")

        (line,) = lines_of(delivery)

        assert line["queue"] == "tasks"

    def test_a_line_that_is_cut_is_its_metrics_still(self, bench: Bench, lines_of: LINES) -> None:
        (line,) = lines_of(bench.delivered(body_of("tell", {"text": "\ud800" * 150_000})))

        assert len(line["traceback"]) < 20_000
        assert len(metrics_in(line)) == 2
