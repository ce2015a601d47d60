"""Is what docs/logs-and-metrics.md says of the line, the queries and the metrics true?"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from tests.project.docs.pages import blocks, read

from shared.log import METRICS as EMBEDDED
from shared.log import JsonFormatter
from worker.observers.log_line import NAMESPACE, fields_of_metrics
from zigzag import task
from zigzag_operate.cost.model import METRICS, METRICS_LOG_BYTES
from zigzag_testing import Sandbox

PAGE = read("docs/logs-and-metrics.md")
TIMES = "\N{MULTIPLICATION SIGN}"
QUERIES = [block.text for block in blocks(PAGE, "text") if block.text.startswith("filter")]
QUERY_WORDS = {"filter", "stats", "sort", "by", "as", "desc", "count", "pct", "max", "min"}


@task()
def hello(payload: dict[str, Any]) -> None: ...


@pytest.fixture
def line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Returns the line of a delivery that went well."""
    with caplog.at_level(logging.INFO), Sandbox({"hello": hello}) as sandbox:
        hello.send({})
        sandbox.run()
    written = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    [found] = [said for said in written if said["message"] == "delivery"]
    return dict(found)


def test_the_line_is_as_shown(line: dict[str, Any]) -> None:
    [block] = blocks(PAGE, "json")

    shown = json.loads(block.text)

    assert list(shown) == list(line)
    assert [type(value) for value in shown.values()] == [type(value) for value in line.values()]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_fields_of_the_line(query: str, line: dict[str, Any]) -> None:
    named = set(re.findall(r"as (\w+)", query))
    words = set(re.findall(r"[a-z_]+", re.sub(r'"[^"]*"', "", query)))

    asked = words - named - QUERY_WORDS

    assert asked
    assert asked <= set(line)
    assert 'message = "delivery"' in query


def test_there_are_two_queries_of_the_slowest_tasks_and_of_the_memory() -> None:
    assert [re.findall(r"max\((\w+)\)", query) for query in QUERIES] == [["seconds"], ["memory_mb"]]


def test_the_metrics_and_their_dimensions_are_those_of_the_line() -> None:
    told = {
        name: re.findall(r"`(\w+)`", dimensions)
        for name, dimensions in re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    }

    embedded = fields_of_metrics("https://sqs.test/tasks", 0, first_age=True)[EMBEDDED]

    assert told == {
        metric["Name"]: dimensions
        for directive in embedded["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }
    assert f"namespace `{NAMESPACE}`" in PAGE


def test_the_cost_is_the_same_on_every_page_and_in_the_model() -> None:
    most = f"${METRICS * 0.30:.2f}"
    longer = f"{METRICS_LOG_BYTES / 1_000_000_000:.8f} GB"

    assert f"{METRICS} metrics {TIMES} $0.30 = {most}" in PAGE
    lines = f"1,000,000 deliveries {TIMES} {longer} {TIMES} $0.50"
    assert f"{lines} = ${METRICS_LOG_BYTES / 1000 * 0.5:.2f}" in PAGE
    assert f"At most eight custom metrics](logs-and-metrics.md#metrics), {most} a month" in read(
        "docs/configuration.md"
    )
    assert f"most eight custom metrics, which cost {most} a month" in read("template.yaml")
