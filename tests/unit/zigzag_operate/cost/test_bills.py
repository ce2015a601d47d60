"""A bill is the sum of its lines, of the one cost model, with the stack's own settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.unit.zigzag_operate.doctor.templates import TEMPLATE

from consumer.source import IDLE_POLLS
from zigzag_operate.cost import bills
from zigzag_operate.cost.lines import Line, cost_of, price, prices
from zigzag_operate.cost.model import MILLION, Measured, Setup, idle_month, million_tasks
from zigzag_operate.cost.used import last_day, used
from zigzag_operate.doctor import template
from zigzag_operate.doctor.facts import ALARM
from zigzag_operate.target import Stack, Target

MAIL, EVENTS = {"AlarmEmail": "a@b.ch"}, {"Trigger": "events"}
KEY = {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/ab"}
SELDOM = {"Schedule": "rate(1 hour)"}
OTHER = {"Queue2": "urgent", "Queue3": "orders", "Queue3Fifo": "true"}


def stack(**parameters: str) -> bills.Stack:
    return bills.stack_of(parameters)


def of(lines: list[Line], name: str) -> float:
    (line,) = [one for one in lines if one.name == name]
    return line.amount


@pytest.mark.parametrize(
    "parameters", [{}, MAIL, OTHER, OTHER | MAIL, EVENTS | MAIL, SELDOM | MAIL | OTHER], ids=str
)
def test_the_alarms_are_as_many_as_the_template_has(parameters: dict[str, str]) -> None:
    there = template.facts_of(TEMPLATE, parameters).of_type(ALARM)

    assert of(bills.idle(stack(**parameters)), "CloudWatch, alarms") == pytest.approx(0.10 * len(there))


@pytest.mark.parametrize(
    ("parameters", "setup"),
    [
        ({}, Setup()),
        ({"WatchAlways": "true"}, Setup(watch_always=True)),
        ({"Architecture": "arm64", "ConsumerMemory": "512"}, Setup(architecture="arm64", memory_mb=512)),
        ({"Transport": "boto"}, Setup(boto=True)),
    ],
    ids=str,
)
def test_an_idle_month_is_the_models(parameters: dict[str, str], setup: Setup) -> None:
    assert bills.total(bills.idle(stack(**parameters))) == pytest.approx(idle_month(setup).total)


def test_what_adds_to_an_idle_month() -> None:
    plain = bills.total(bills.idle(stack()))

    def more(**parameters: str) -> float:
        return round(bills.total(bills.idle(stack(**parameters))) - plain, 2)

    assert more(Queue2="urgent") == 0.07  # docs/event-source.md
    assert more(FlowControl="true") == 0.01
    assert more(**EVENTS) == 0.17
    assert more(**EVENTS, Queue2="urgent") == 0.43


def test_a_million_tasks_are_the_models_and_their_sends() -> None:
    setup = Setup(worker_mb=256, per_dispatch=10)
    model = million_tasks(setup, bills.TASK_SECONDS, Measured())

    lines = bills.million(stack(BatchSize="10"))

    assert bills.total(lines) == pytest.approx(model.total + 0.40)
    assert cost_of(lines).lambda_time == pytest.approx(model.lambda_time)


def test_a_queue_more_a_key_and_a_dashboard_have_factors_and_a_line_of_their_own() -> None:
    (polls,) = [one for one in bills.idle(stack(Queue2="urgent")) if one.part == "sqs"]

    assert polls.factors == [(43_200, "ticks"), (2, "queues"), (IDLE_POLLS + 1, "requests")]
    more = stack(**KEY, Dashboard="true")
    for lines in (bills.idle(more), bills.a_month(more, 5)):
        assert (of(lines, "KMS, the key"), of(lines, "CloudWatch, dashboard")) == (1, 3)


@pytest.mark.parametrize(
    ("rate", "parameters", "change"),
    [
        (40, {}, "set InFlightCap=2400 or more"),
        (2000, {}, "set InFlightCap=0"),
        (6, {}, ""),
        (40, {"InFlightCap": "2400"}, ""),
        (40, {"InFlightCap": "0"}, ""),
        (40, EVENTS, ""),
    ],
)
def test_a_rate_that_the_cap_does_not_let_start_is_told(
    rate: float, parameters: dict[str, str], change: str
) -> None:
    said = bills.too_fast(stack(**parameters), rate)

    assert change in said
    assert bool(said) is bool(change)


def test_requests_to_a_fifo_queue_are_dearer() -> None:
    assert of(bills.million(stack(Fifo="true")), "SQS, sends") == pytest.approx(0.50)


@pytest.mark.parametrize(
    ("rate", "linger", "seconds"),
    [(40, "10", 75), (0.2, "10", 75), (1 / 60, "10", 10.1), (1 / 600, "10", 1.1), (0.2, "0", 0.1)],
)
def test_a_tick_at_a_rate_takes_as_long_as_messages_keep_it(rate: float, linger: str, seconds: float) -> None:
    (ticks,) = [
        one for one in bills.a_month(stack(LingerSeconds=linger), rate) if one.name == "Lambda, ticks"
    ]

    assert dict(map(reversed, ticks.factors))["s"] == pytest.approx(seconds)  # type: ignore[arg-type]


def test_a_month_at_a_rate_is_its_tasks_its_ticks_and_what_is_paid_by_the_month() -> None:
    month = bills.a_month(stack(Metrics="true"), 40)
    tasks = 40 * bills.MONTH_SECONDS / MILLION
    by_task = {one.name: one.amount for one in bills.million(stack(Metrics="true"))}

    assert of(month, "Lambda, worker") == pytest.approx(tasks * by_task["Lambda, worker"])
    assert of(month, "Lambda, ticks") == pytest.approx(6.75, abs=0.01)  # docs/performance.md
    assert of(month, "CloudWatch, metrics") == pytest.approx(2.40)
    assert "Lambda, consumer" not in {one.name for one in month}


def test_every_price_has_its_page_and_its_date_and_all_have_a_region() -> None:
    services = {name: one for name, one in prices().items() if isinstance(one, dict)}

    assert [name for name, one in services.items() if not one["page"].startswith("https://aws.")] == []
    assert prices()["region"] in bills.where()
    assert str(min(one["read"] for one in services.values())) in bills.where()


# ---- A deployed stack ----

OUTPUTS = {
    "QueueUrl": "https://sqs/1/tasks",
    "DeadLetterQueueUrl": "https://sqs/1/dead",
    "RecordsTableName": "records",
    **{f"{name}FunctionName": name for name in ("Consumer", "Worker")},
    **{f"{name}LogGroupName": f"/{name}" for name in ("Consumer", "Worker")},
}
VALUES = {"Deleted": 5000.0, "Duration": 1_000_000.0, "ConsumedWrite": 10_000.0, "Invocations": 3000.0}


class Deployed(Target):
    """A stack of a user's own memory, with a day of 5,000 tasks that took 200 ms each."""

    def stack_as_it_is(self) -> Stack:
        return Stack(OUTPUTS, {"LingerSeconds": "5"})

    def client(self, service: str, patience: Any = None) -> Any:
        return self

    def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803
        return {"MemorySize": 128 if FunctionName == "Consumer" else 3008, "Architectures": ["arm64"]}

    def get_metric_data(self, MetricDataQueries: list[Any], StartTime: datetime, EndTime: datetime) -> Any:  # noqa: N803
        assert (EndTime - StartTime).days == 1
        return {
            "MetricDataResults": [
                {"Id": one["Id"], "Values": [value / 2] * 2}
                for one in MetricDataQueries
                for name, value in VALUES.items()
                if name in one["MetricStat"]["Metric"]["MetricName"]
            ]
        }


def test_a_deployed_stack_is_reckoned_as_it_is_with_the_times_of_its_last_day() -> None:
    found = used(Deployed("zigzag", None, {}))  # type: ignore[arg-type]

    assert (found.stack.setup.of_worker, found.stack.setup.architecture) == (3008, "arm64")
    assert (found.stack.task_seconds, found.stack.writes, found.stack.linger) == (0.2, 2, 5)
    time = 5000 * 0.2 * 3008 / 1024 * price("lambda", "gb_second", "arm64")
    assert of(last_day(found), "Lambda, worker") == pytest.approx(30 * time)
