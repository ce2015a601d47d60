"""A model of the cost of a million tasks, and of an idle month: prices.toml times the calls of each design.

It counts the work after the queue; sends, $0.40 a million, are the same for all designs. A figure that is
neither measured nor published is a constant below, with its reason.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.figures import MILLION
from consumer.linger import WATCH_SECONDS
from consumer.pollers import messages_for
from consumer.source import IDLE_POLLS

TICKS = 30 * 24 * 60
"""Ticks of a month of 30 days, one a minute."""

MAX_MESSAGES = 10
"""Messages of a receive: a million tasks come in bulk, so the receives are full."""

POLL_SECONDS = 20
"""SQS's longest poll."""

PROCESSOR_MB = 1769
"""The memory with which a function has one whole processor
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""

SLOWER = 1.5
"""Factor by which Lambda's processor is slower than an idle machine's. Assumed, not measured."""

BOTO_DELETE_SECONDS = 0.00055
"""Processor time of boto3's bare delete, on an idle machine. Machines differ by a factor of three and more,
and so does a shared one from hour to hour. So a measured time counts as a share of this delete's time in the
same run."""

CALL_SECONDS = 0.01
"""Time of a call to SQS or Lambda, on the network and at AWS. Assumed. The caller waits, and pays for it."""

IDLE_TICK_SECONDS = 0.1
"""Time of a tick that finds nothing: calls, one after the other, a new connection, and some milliseconds of a
slow processor. Estimated from the calls and the processor time."""

TICK_LOG_BYTES = 300
PLATFORM_LOG_BYTES = 330
"""Lambda's lines START, END and REPORT, if they are not turned off. Estimated from their text."""

METRICS = 8
"""Most metrics of a queue with the parameter Metrics: `seconds` for each of seven outcomes, and
`age_seconds`."""

METRICS_LOG_BYTES = 330
"""Bytes that metrics add to a line: the queue's name, and `_aws`."""

POLLERS = 5
"""Pollers of an event source mapping on an empty queue: reports say between two and five."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of the other benchmarks, in seconds of an idle machine's processor and in bytes.

    The defaults are near them, to use the model without a measurement.

    worker_cpu -- time of the worker for a task that does nothing, with its delete.
    delete_cpu -- time of that delete.
    """

    consumer_cpu: float = 0.00007
    consumer_cpu_of_ten: float = 0.000025
    consumer_cpu_by_boto: float = 0.0006
    naive_cpu: float = 0.0165
    worker_cpu: float = 0.00025
    delete_cpu: float = 0.00008
    task_log_bytes: float = 345


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """USD. `alarm` and `metrics` are paid by the month, all others by use.

    metrics -- the most possible: a metric is paid for the hours in which it gets a value.
    """

    lambda_time: float = 0.0
    lambda_requests: float = 0.0
    sqs: float = 0.0
    logs: float = 0.0
    metrics: float = 0.0
    alarm: float = 0.0

    @property
    def before_logs(self) -> float:
        return self.lambda_time + self.lambda_requests + self.sqs

    @property
    def total(self) -> float:
        return sum(float(getattr(self, part.name)) for part in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A configuration. The memory is that of both functions. `metrics` and `watch_always` are parameters.

    boto -- the parameter Transport: boto makes every call, and each dispatch has one message.
    """

    memory_mb: int = 128
    architecture: str = "x86_64"
    per_dispatch: int = 1
    watch_always: bool = False
    metrics: bool = False
    boto: bool = False


def idle_month(setup: Setup) -> Cost:
    """Returns the cost of an idle month of Zigzag. Without deliveries there are no metrics."""
    watched = int(WATCH_SECONDS) if setup.watch_always else 0
    long_polls = -(-watched // POLL_SECONDS)
    # The in-flight count is asked first, and before each long poll except the one that follows at once.
    requests = IDLE_POLLS + 1 if long_polls == 0 else 2 * long_polls + 1
    by_boto = _seconds(requests * BOTO_DELETE_SECONDS, setup) if setup.boto else 0.0
    return Cost(
        lambda_time=_time(TICKS * max(IDLE_TICK_SECONDS + by_boto, watched), setup),
        lambda_requests=TICKS * _prices()["lambda"]["request"],
        sqs=TICKS * requests * _prices()["sqs"]["request"],
        logs=_logs(TICKS * TICK_LOG_BYTES),
        alarm=_prices()["cloudwatch"]["alarm_month"],
    )


def month_of_ticks(seconds: float, requests: float, setup: Setup) -> Cost:
    """Returns the cost of a month of ticks, each of so many seconds and so many requests to SQS."""
    return Cost(
        lambda_time=_time(TICKS * (IDLE_TICK_SECONDS + seconds), setup),
        lambda_requests=TICKS * _prices()["lambda"]["request"],
        sqs=TICKS * requests * _prices()["sqs"]["request"],
        logs=_logs(TICKS * TICK_LOG_BYTES),
        alarm=_prices()["cloudwatch"]["alarm_month"],
    )


def flow_control_month(setup: Setup) -> float:
    """Returns the cost that FlowControl adds to an idle month, in USD: a read in each tick, and its time."""
    return TICKS * float(_prices()["dynamodb"]["read_unit"]) + _time(TICKS * CALL_SECONDS, setup)


def million_tasks(setup: Setup, task_seconds: float, measured: Measured) -> Cost:
    """Returns Zigzag's cost of plain tasks that succeed at their first attempt, received ten at a time.

    Ten that are dispatched together are deleted together as well, which holds for tasks of 100 ms. With boto
    and little memory a receive brings fewer than ten, so there are more receives.
    """
    dispatches = MILLION / setup.per_dispatch
    receives = MILLION / MAX_MESSAGES
    consumer_cpu = measured.consumer_cpu if setup.per_dispatch == 1 else measured.consumer_cpu_of_ten
    delete_cpu = measured.delete_cpu
    more = 0.0
    if setup.boto:
        consumer_cpu, delete_cpu = measured.consumer_cpu_by_boto, BOTO_DELETE_SECONDS
        receives = MILLION / messages_for(setup.memory_mb)
        more = (receives - MILLION / MAX_MESSAGES) * BOTO_DELETE_SECONDS
    around_each = max(0.0, measured.worker_cpu - measured.delete_cpu)
    cpu = MILLION * (consumer_cpu + around_each) + dispatches * delete_cpu + more
    seconds = MILLION * task_seconds + _seconds(cpu, setup) + dispatches * CALL_SECONDS
    return Cost(
        lambda_time=_time(seconds, setup),
        lambda_requests=dispatches * _prices()["lambda"]["request"],
        sqs=(receives + dispatches) * _prices()["sqs"]["request"],
        logs=_logs(MILLION * (measured.task_log_bytes + (METRICS_LOG_BYTES if setup.metrics else 0))),
        metrics=METRICS * _prices()["cloudwatch"]["metric_month"] if setup.metrics else 0.0,
    )


def million_by_mapping(setup: Setup, batch: int, task_seconds: float, measured: Measured) -> Cost:
    """Returns the cost of SQS's event source mapping: Lambda receives, invokes, deletes. A task logs a
    line."""
    batches = MILLION / batch
    return Cost(
        lambda_time=_time(MILLION * task_seconds, setup),
        lambda_requests=batches * _prices()["lambda"]["request"],
        sqs=2 * batches * _prices()["sqs"]["request"],
        logs=_logs(MILLION * measured.task_log_bytes),
    )


def million_by_events(setup: Setup, task_seconds: float, measured: Measured) -> Cost:
    """Returns the cost of Zigzag with Trigger=events: Lambda receives and invokes, the worker shortens the
    lease and deletes, and Lambda deletes once more. `per_dispatch` is the mapping's BatchSize."""
    batches = MILLION / setup.per_dispatch
    around_each = max(0.0, measured.worker_cpu - measured.delete_cpu)
    cpu = MILLION * around_each + 2 * batches * measured.delete_cpu
    seconds = MILLION * task_seconds + _seconds(cpu, setup) + 2 * batches * CALL_SECONDS
    return Cost(
        lambda_time=_time(seconds, setup),
        lambda_requests=batches * _prices()["lambda"]["request"],
        sqs=4 * batches * _prices()["sqs"]["request"],
        logs=_logs(MILLION * measured.task_log_bytes),
    )


def idle_month_by_mapping() -> Cost:
    """Returns the cost of long polls, and of the same alarm."""
    polls = POLLERS * TICKS * 60 / POLL_SECONDS
    return Cost(sqs=polls * _prices()["sqs"]["request"], alarm=_prices()["cloudwatch"]["alarm_month"])


def million_by_naive(setup: Setup, task_seconds: float, measured: Measured) -> Cost:
    """Returns the cost of the first version: ten messages a tick, single calls, Lambda's own log lines."""
    ticks = MILLION / MAX_MESSAGES
    dispatching = MILLION * (_seconds(measured.naive_cpu, setup) + CALL_SECONDS)
    deleting = MILLION * (_seconds(BOTO_DELETE_SECONDS, setup) + CALL_SECONDS)
    return Cost(
        lambda_time=_time(MILLION * task_seconds + dispatching + deleting, setup),
        lambda_requests=(MILLION + ticks) * _prices()["lambda"]["request"],
        sqs=(ticks + MILLION) * _prices()["sqs"]["request"],
        logs=_logs(MILLION * measured.task_log_bytes + (MILLION + ticks) * PLATFORM_LOG_BYTES),
    )


def idle_month_by_naive(setup: Setup) -> Cost:
    """Returns the cost of ticks with one receive that does not wait, without an alarm."""
    seconds = _seconds(BOTO_DELETE_SECONDS, setup) + CALL_SECONDS
    return Cost(
        lambda_time=_time(TICKS * seconds, setup),
        lambda_requests=TICKS * _prices()["lambda"]["request"],
        sqs=TICKS * _prices()["sqs"]["request"],
        logs=_logs(TICKS * PLATFORM_LOG_BYTES),
    )


def _seconds(cpu_seconds: float, setup: Setup) -> float:
    """Returns how long this processor time of ours takes in a function of that memory."""
    return cpu_seconds * SLOWER / min(1.0, setup.memory_mb / PROCESSOR_MB)


def _time(seconds: float, setup: Setup) -> float:
    price: float = _prices()["lambda"]["gb_second"][setup.architecture]
    return seconds * setup.memory_mb / 1024 * price


def _logs(size: float) -> float:
    price: float = _prices()["cloudwatch"]["log_gb"]
    return size / 1_000_000_000 * price


@functools.cache
def _prices() -> dict[str, Any]:
    with Path(__file__).with_name("prices.toml").open("rb") as file:
        return tomllib.load(file)
