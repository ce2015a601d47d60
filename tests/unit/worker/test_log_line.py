"""A delivery's log line, which is its metrics as well where they are asked for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.support import NOW, QUEUE_URL, World, body_of

from shared.delivery import Batch, Delivery
from shared.log import JsonFormatter
from zigzag import Reject, task
from zigzag_testing.virtual_host import MEMORY_MB

MAX_METRICS, MAX_DIMENSIONS, MAX_CHARACTERS = 100, 30, 1024
UNITS = {"Seconds", "Megabytes", "Count"}
MAX_OF_A_QUEUE = 7
"""What the pages say, and count with."""


@task()
async def succeed(payload: dict[str, Any]) -> None:
    await asyncio.sleep(payload.get("seconds", 0))


@task(idempotent=True)
def once(payload: dict[str, Any]) -> None: ...


@task(attempts=3)
def fail(payload: dict[str, Any]) -> None:
    raise ValueError(payload.get("text", "broken"))


@task()
def reject(payload: dict[str, Any]) -> None:
    raise Reject("no such user")


TABLE = {task.name: task for task in (succeed, once, fail, reject)}

LINES = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def lines_of(world: World, caplog: pytest.LogCaptureFixture) -> LINES:
    """Works deliveries in one dispatch; their lines, as they are written."""

    def lines_of(*deliveries: Delivery, metrics_of: str | None = QUEUE_URL) -> list[dict[str, Any]]:
        worker = world.worker(TABLE, metrics_of=metrics_of)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            world.run(worker.work(Batch(deliveries), lambda: 60.0))
        written = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
        return [line for line in written if line["message"] == "delivery"]

    return lines_of


def test_it_names_the_message_and_the_version_that_worked_it(
    lines_of: LINES, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "17")
    world.send(body_of("succeed"), "no JSON")
    received = world.receive()

    lines = lines_of(*received)

    told = {(line["message_id"], line["version"]) for line in lines}
    assert told == {(delivery.message_id, "17") for delivery in received}


def test_where_no_version_is_told_it_is_the_latest(
    lines_of: LINES, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_VERSION", raising=False)

    (line,) = lines_of(world.delivered(body_of("succeed")))

    assert line["version"] == "$LATEST"


def metrics_in(line: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    """The metrics that CloudWatch makes of a line: name, and dimensions with their values.

    Fails if the line breaks a rule of the embedded metric format
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
    """
    found: set[tuple[Any, ...]] = set()
    embedded = line["_aws"]
    assert set(embedded) == {"Timestamp", "CloudWatchMetrics"}
    assert type(embedded["Timestamp"]) is int
    for directive in embedded["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert directive["Namespace"] == "Zigzag"
        assert 1 <= len(directive["Metrics"]) <= MAX_METRICS
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= MAX_DIMENSIONS
            for name in dimensions:
                assert isinstance(line[name], str)
                assert 1 <= len(line[name]) <= MAX_CHARACTERS
            for metric in directive["Metrics"]:
                assert set(metric) == {"Name", "Unit"}
                assert metric["Unit"] in UNITS
                assert type(line[metric["Name"]]) in (int, float)
                found.add((metric["Name"], *((name, line[name]) for name in dimensions)))
    return found


def delivered_late(world: World, seconds: float, body: str) -> Delivery:
    world.send(body)
    world.pass_time(seconds)
    return world.receive()[0]


class TestFigures:
    """What every line tells, metrics or not."""

    def test_a_line_has_the_memory_and_how_long_its_message_waited(
        self, world: World, lines_of: LINES
    ) -> None:
        (line,) = lines_of(delivered_late(world, 42.5, body_of("succeed")), metrics_of=None)

        assert (line["seconds"], line["memory_mb"], line["age_seconds"]) == (0.0, MEMORY_MB, 42.5)
        assert {"_aws", "queue"} & set(line) == set()

    def test_the_wait_ends_when_the_attempt_begins(self, world: World, lines_of: LINES) -> None:
        (line,) = lines_of(delivered_late(world, 10, body_of("succeed", {"seconds": 30})))

        assert (line["seconds"], line["age_seconds"]) == (30.0, 10.0)

    def test_a_success_that_waits_for_its_deletion_takes_no_longer_for_that(
        self, world: World, lines_of: LINES
    ) -> None:
        world.send(body_of("succeed", {"seconds": 0.5}), body_of("succeed", {"seconds": 30}))

        lines = lines_of(*world.receive())

        assert len(world.queue.asked("delete")) == 1, "both together"
        assert [line["seconds"] for line in lines] == [0.5, 30.0]

    def test_where_the_time_of_sending_is_not_known_there_is_no_wait(
        self, world: World, lines_of: LINES
    ) -> None:
        delivery = Delivery({"Body": body_of("succeed")}, None)

        (line,) = lines_of(delivery)

        assert "age_seconds" not in line

    def test_what_was_not_started_has_no_wait(self, world: World, lines_of: LINES) -> None:
        delivery = world.delivered(body_of("succeed"))
        world.pass_time(100)

        (line,) = lines_of(delivery)

        assert (line["outcome"], line["seconds"]) == ("left alone", 0.0)
        assert "age_seconds" not in line

    def test_a_clock_that_is_behind_sqs_makes_no_wait_of_less_than_nothing(
        self, world: World, lines_of: LINES
    ) -> None:
        delivery = world.delivered(body_of("succeed"))
        later = {**delivery.message["Attributes"], "SentTimestamp": str(int((NOW + 2) * 1000))}

        (line,) = lines_of(
            Delivery({**delivery.message, "Attributes": later}, delivery.queue_url, delivery.lease)
        )

        assert line["age_seconds"] == 0


class TestMetrics:
    """What CloudWatch makes of a line."""

    def test_a_success_is_its_seconds_and_how_long_its_message_waited(
        self, world: World, lines_of: LINES
    ) -> None:
        (line,) = lines_of(delivered_late(world, 5, body_of("succeed")))

        assert metrics_in(line) == {
            ("seconds", ("queue", "tasks"), ("outcome", "succeeded")),
            ("age_seconds", ("queue", "tasks")),
        }
        assert line["_aws"]["Timestamp"] == (NOW + 5) * 1000

    def test_later_attempts_wait_as_their_backoff_says_and_count_for_no_metric(
        self, world: World, lines_of: LINES
    ) -> None:
        world.send(body_of("fail"))
        lines: list[dict[str, Any]] = []
        for _ in range(3):
            lines += lines_of(*world.receive())
            world.pass_time(3600)

        ages = [sum(metric[0] == "age_seconds" for metric in metrics_in(line)) for line in lines]
        assert ages == [1, 0, 0]
        assert [line["age_seconds"] for line in lines] == [0, 3600, 7200]

    def test_a_queue_has_at_most_six_metrics_whatever_becomes_of_its_messages(
        self, world: World, lines_of: LINES
    ) -> None:
        found: set[tuple[Any, ...]] = set()
        outcomes = set()
        for name in ("succeed", "once", "once", "fail", "reject", "nobody", "\ud800", "x" * 300):
            (line,) = lines_of(world.delivered(body_of(name, id="the same")))
            outcomes.add(line["outcome"])
            found |= metrics_in(line)
        world.queue.broken = {"change_visibility"}  # so the second of a batch is left to another process
        for line in lines_of(*[world.delivered(body_of("fail")) for _ in range(2)]):
            outcomes.add(line["outcome"])
            found |= metrics_in(line)
        too_late = world.delivered(body_of("succeed"))
        world.pass_time(100)
        (line,) = lines_of(too_late)
        found |= metrics_in(line)

        assert outcomes | {line["outcome"]} == {
            "succeeded",
            "already done",
            "retry later",
            "released",
            "dead-letter",
            "left alone",
        }
        assert len(found) == MAX_OF_A_QUEUE

    def test_an_event_makes_no_queue_of_its_own(self, world: World, lines_of: LINES) -> None:
        delivery = Delivery(world.delivered(body_of("succeed")).message, "https://sqs.test/a-new-one")

        (line,) = lines_of(delivery)

        assert line["queue"] == "tasks"

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/Tasks-1A.fifo", "Tasks-1A.fifo"),
            ("http://127.0.0.1:4566/000000000000/tasks", "tasks"),
        ],
    )
    def test_the_queue_is_named_as_sqs_names_it(
        self, world: World, lines_of: LINES, url: str, name: str
    ) -> None:
        (line,) = lines_of(world.delivered(body_of("succeed")), metrics_of=url)

        assert line["queue"] == name

    def test_a_line_that_is_cut_is_its_metrics_still(self, world: World, lines_of: LINES) -> None:
        (line,) = lines_of(world.delivered(body_of("fail", {"text": "\ud800" * 150_000})))

        assert len(line["traceback"]) < 20_000
        assert len(metrics_in(line)) == 2
