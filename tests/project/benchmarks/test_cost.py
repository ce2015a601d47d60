"""Does the cost model agree with the sums of docs/performance.md, and with itself?"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import get_args

import pytest
from benchmarks.cost_tables import measured_by, rows
from tests.project.docs.pages import blocks, read

from worker.observers.log_line import fields_of_metrics
from worker.outcome import Outcome
from zigzag_operate.cost.model import (
    METRICS,
    METRICS_LOG_BYTES,
    Measured,
    Setup,
    idle_month,
    million_tasks,
)

PAGE = read("docs/performance.md")
TASK_SECONDS = 0.1
MEASURED = Measured()


def amounts() -> list[tuple[str, float]]:
    """Returns the lines of the page's sums: what it is for, and the USD a month."""
    lines = [line for block in blocks(PAGE, "text") for line in block.text.splitlines() if " = $" in line]
    return [(line.partition("  ")[0], float(line.rpartition("$")[2])) for line in lines]


def test_an_idle_month_is_that_of_the_page() -> None:
    idle = idle_month(Setup())

    told = {name: round(getattr(idle, part), 2) for name, part in PARTS.items()}

    assert told == dict(amounts()[: len(PARTS)])


PARTS = {
    "Lambda, time": "lambda_time",
    "Lambda, requests": "lambda_requests",
    "SQS": "sqs",
    "CloudWatch, logs": "logs",
    "CloudWatch, alarm": "alarm",
}


def test_a_month_that_is_always_watched_is_that_of_the_page() -> None:
    _, told = amounts()[len(PARTS) + 1]

    assert round(idle_month(Setup(watch_always=True)).lambda_time, 2) == told


def test_a_million_tasks_are_those_of_the_page() -> None:
    [receiving] = re.findall(r"\$([\d.]+) to \$[\d.]+ for receiving", PAGE)
    [deleting] = re.findall(r"\$([\d.]+) for deleting", PAGE)
    [invoking] = re.findall(r"\$([\d.]+) for the invokes", PAGE)

    cost = million_tasks(Setup(), TASK_SECONDS, MEASURED)

    assert cost.sqs == pytest.approx(float(receiving) + float(deleting))
    assert cost.lambda_requests == pytest.approx(float(invoking))


def test_arm64_takes_a_fifth_off_the_time_as_the_page_says() -> None:
    time = idle_month(Setup()).lambda_time

    assert "arm64 takes a fifth off the first line" in PAGE
    assert idle_month(Setup(architecture="arm64")).lambda_time == pytest.approx(0.8 * time, rel=0.001)


def test_ten_a_dispatch_is_a_tenth_of_the_requests_and_of_the_deletes() -> None:
    one = million_tasks(Setup(), TASK_SECONDS, MEASURED)
    ten = million_tasks(Setup(per_dispatch=10), TASK_SECONDS, MEASURED)

    assert ten.lambda_requests == pytest.approx(one.lambda_requests / 10)
    assert ten.sqs == pytest.approx(0.04 + 0.04)
    assert ten.lambda_time < one.lambda_time


@pytest.mark.parametrize(("memory_mb", "receives_of"), [(128, 2), (256, 5), (512, 10)])
def test_with_boto_little_memory_means_more_receives(memory_mb: int, receives_of: int) -> None:
    cost = million_tasks(Setup(memory_mb=memory_mb, boto=True), TASK_SECONDS, MEASURED)

    assert cost.sqs == pytest.approx(0.40 / receives_of + 0.40)  # and a delete for each


def test_boto_takes_more_time_for_tasks_and_for_nothing() -> None:
    lean, boto = Setup(), Setup(boto=True)

    million = [million_tasks(setup, TASK_SECONDS, MEASURED).lambda_time for setup in (lean, boto)]
    idle = [idle_month(setup).lambda_time for setup in (lean, boto)]

    # 1.0 ms of a processor more for each task, and 0.2 ms for more receives: in 128 MB, 25 ms
    assert million[1] - million[0] == pytest.approx(0.0527, rel=0.01)
    # 2.2 ms for the four calls of a tick: 46 ms
    assert idle[1] / idle[0] == pytest.approx(1.46, rel=0.01)


def test_metrics_cost_a_month_of_each_and_what_they_add_to_the_lines() -> None:
    without = million_tasks(Setup(), TASK_SECONDS, MEASURED)
    cost = million_tasks(Setup(metrics=True), TASK_SECONDS, MEASURED)

    assert cost.metrics == pytest.approx(2.40)
    assert without.metrics == idle_month(Setup(metrics=True)).metrics == 0
    assert cost.before_logs == without.before_logs
    assert cost.total == pytest.approx(cost.before_logs + cost.logs + cost.metrics)


def test_there_are_no_more_metrics_than_the_worker_can_make() -> None:
    assert len(get_args(Outcome)) + 1 == METRICS


def test_a_line_with_metrics_is_as_much_longer_as_the_model_says() -> None:
    queue_url = "https://sqs.us-east-1.amazonaws.com/123456789012/zigzag-TaskQueue-1A2B3C4D5E6F"
    added = json.dumps(fields_of_metrics(queue_url, 1_800_000_000.5, first_age=True))

    assert len(added) == pytest.approx(METRICS_LOG_BYTES, abs=5)


def test_the_model_takes_what_was_measured_as_a_share_of_boto3s_delete() -> None:
    # Given a machine that is half as fast as an unhurried one
    def dispatched(arm: str, cpu: float) -> dict[str, object]:
        return {"arm": arm, "latency_ms": 5, "cpu_us_per_message": cpu}

    def worked(arm: str, cpu: float) -> dict[str, object]:
        return {"arm": arm, "cpu_us_per_task": cpu, "log_bytes_per_task": 200}

    results = {
        "dispatch": [
            dispatched("naive", 20_000),
            dispatched("zigzag", 1_000),
            dispatched("zigzag, 10 a dispatch", 300),
            dispatched("zigzag by boto", 1_400),
        ],
        "worker_overhead": [worked("zigzag, dict", 700)],
        "transports": [
            {"library": "boto3", "cpu_us_per_call": 1_100},
            {"library": "lean", "cpu_us_per_call": 200},
        ],
    }

    assert asdict(measured_by(results)) == pytest.approx(
        {
            "consumer_cpu": 0.0005,
            "consumer_cpu_of_ten": 0.00015,
            "consumer_cpu_by_boto": 0.0007,
            "naive_cpu": 0.01,
            "worker_cpu": 0.00035,
            "delete_cpu": 0.0001,
            "task_log_bytes": 200,
        }
    )


def test_every_design_is_there_for_both_sizes_and_processors() -> None:
    found = rows(MEASURED)

    assert len({(row["design"], row["functions"]) for row in found["million"]}) == 7 * 4
    assert len({(row["design"], row["functions"]) for row in found["idle"]}) == 4 * 4 + 1
