"""The cost of a stack with these settings: an idle month, a million tasks, a month at a rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zigzag_operate.cost.lines import Line, price, prices
from zigzag_operate.cost.model import (
    IDLE_TICK_SECONDS,
    METRICS,
    MILLION,
    TICKS,
    Measured,
    Setup,
    flow_control_lines,
    idle_by_mapping_lines,
    idle_lines,
    million_by_events_lines,
    million_by_mapping_lines,
    million_lines,
    sqs_price,
)

MONTH_SECONDS = 30 * 24 * 3600
MAX_TICK_SECONDS = 75
"""A tick of a queue that is never empty takes so long (docs/performance.md)."""

TASK_SECONDS = 0.1
"""The time of a task, where none was measured."""

MAX_CAP = 60_000
"""The largest InFlightCap of which twice as much is in flight at most (docs/configuration.md)."""

OFTEN = {"rate(1 minute)", *(f"rate({number} minutes)" for number in range(2, 6))}
"""The schedules with alarms on silence and on late tasks (docs/operations.md)."""

LEFT_OUT = (
    "not compared: a bare mapping has no schedule, no limit, no pause, no count of attempts, no backoff, no "
    "reason with a dead letter, no record of what is done. Code of your own for these costs time and calls. "
    "Nor are S3, SNS, X-Ray, the calls of KMS and the network's traffic reckoned, for either"
)


@dataclass(frozen=True, slots=True)
class Stack:
    """The settings and figures that the cost depends on.

    setup        -- memory, architecture, the parameters that cost.
    by_events    -- whether Lambda itself polls.
    queues       -- how many task queues there are.
    alarms       -- how many alarms there are.
    dashboard    -- whether there is a dashboard.
    flow_control -- whether the gate is read.
    linger       -- LingerSeconds.
    cap          -- InFlightCap; 0 = none.
    has_key      -- whether KmsKeyArn is a key of one's own.
    task_seconds -- how long a task takes.
    writes       -- write units of the table for each task.
    """

    setup: Setup
    by_events: bool = False
    queues: int = 1
    alarms: int = 1
    dashboard: bool = False
    flow_control: bool = False
    linger: float = 10
    cap: int = 400
    has_key: bool = False
    task_seconds: float = TASK_SECONDS
    writes: float = 0.0


def stack_of(parameters: Mapping[str, str]) -> Stack:
    """Returns what the cost depends on, by the stack's parameters."""
    fifo = parameters.get("Fifo") == "true"
    places = [place for place in "2345" if parameters.get(f"Queue{place}", "none") != "none"]
    setup = Setup(
        memory_mb=int(parameters.get("ConsumerMemory", 128)),
        worker_mb=int(parameters.get("WorkerMemory", 256)),
        architecture=parameters.get("Architecture", "x86_64"),
        per_dispatch=int(parameters.get("BatchSize", 1)),
        watch_always=parameters.get("WatchAlways") == "true",
        metrics=parameters.get("Metrics") == "true",
        boto=parameters.get("Transport") == "boto",
        fifo=fifo,
    )
    return Stack(
        setup,
        by_events=parameters.get("Trigger") == "events",
        queues=1 + len(places),
        alarms=_alarms(parameters, 1 + len(places)),
        dashboard=parameters.get("Dashboard") == "true",
        flow_control=parameters.get("FlowControl") == "true",
        linger=float(parameters.get("LingerSeconds", 10)),
        cap=int(parameters.get("InFlightCap", 400)),
        has_key=parameters.get("KmsKeyArn", "none") != "none",
    )


def idle(stack: Stack) -> list[Line]:
    """Returns the lines of an idle month."""
    if stack.by_events:
        lines = [one for one in idle_by_mapping_lines(stack.setup) if one.part != "alarm"]
    else:
        lines = [one for one in idle_lines(stack.setup) if one.part != "alarm"]
    lines = [_of_queues(one, stack.queues) if one.part == "sqs" else one for one in lines]
    if stack.flow_control and not stack.by_events:
        lines += flow_control_lines(stack.setup)
    if stack.has_key:
        lines.append(Line("kms", "KMS, the key", (1, "key"), price("kms", "key_month")))
    return [*lines, *_watch_lines(stack)]


def too_fast(stack: Stack, per_second: float) -> str:
    """Returns that InFlightCap does not let so many tasks start, and the change; empty if it does."""
    if stack.by_events or not stack.cap or per_second * 60 <= stack.cap:
        return ""
    wanted = math.ceil(per_second * 60)
    change = f"set InFlightCap={wanted} or more" if wanted <= MAX_CAP else "set InFlightCap=0"
    return (
        f"InFlightCap={stack.cap} lets about {stack.cap / 60:.2g} tasks start a second: a backlog "
        f"grows at this rate. For it, {change} (docs/scale.md)"
    )


def million(stack: Stack) -> list[Line]:
    """Returns the lines of a million plain tasks that succeed at their first attempt, with their sends."""
    by = million_by_events_lines if stack.by_events else million_lines
    lines = by(stack.setup, stack.task_seconds, Measured())
    return [_sends(stack), *(one for one in lines if one.part != "metrics"), *_writes(stack)]


def a_month(stack: Stack, per_second: float) -> list[Line]:
    """Returns the lines of a month at this rate: evenly, day and night."""
    tasks = per_second * MONTH_SECONDS / MILLION
    lines = [_scaled(one, tasks) for one in million(stack)]
    if stack.by_events:
        busy = [one for one in idle(stack) if one.part not in _WATCH]
    else:
        # The consumer's time for a dispatch is within its ticks, which are longer.
        lines = [one for one in lines if one.name != "Lambda, consumer"]
        others = [one for one in idle(stack) if one.part not in _WATCH and one.name != "Lambda, consumer"]
        busy = [_ticks(stack, per_second), *map(_of_ticks, others)]
    fixed = _watch_lines(stack)
    if stack.setup.metrics:
        fixed.append(
            Line("metrics", "CloudWatch, metrics", (METRICS, "metrics"), price("cloudwatch", "metric_month"))
        )
    return [*lines, *busy, *fixed]


def by_mapping(stack: Stack, batch: int, per_second: float | None = None) -> list[Line]:
    """Returns the lines of SQS's event source mapping: a million tasks, or a month at this rate."""
    lines = [_sends(stack), *million_by_mapping_lines(stack.setup, batch, stack.task_seconds, Measured())]
    if per_second is None:
        return lines
    tasks = per_second * MONTH_SECONDS / MILLION
    return [*(_scaled(one, tasks) for one in lines), *idle_by_mapping_lines(stack.setup)]


def total(lines: list[Line]) -> float:
    return sum(line.amount for line in lines)


def where() -> str:
    """Returns the region and the oldest date of the prices, in words."""
    read = min(str(one["read"]) for one in prices().values() if isinstance(one, dict))
    return f"list prices of {prices()['region']}, read on {read}, without a free tier"


def _ticks(stack: Stack, per_second: float) -> Line:
    """Returns the consumer's time. A tick polls on while messages come within LingerSeconds."""
    apart = 1 / per_second
    if stack.setup.watch_always or apart <= max(stack.linger, 1):
        seconds = float(MAX_TICK_SECONDS)
    else:
        seconds = IDLE_TICK_SECONDS + min(1.0, 60 / apart) * stack.linger
    gigabytes = (stack.setup.memory_mb / 1024, "GB")
    each = price("lambda", "gb_second", stack.setup.architecture)
    return Line("lambda_time", "Lambda, ticks", (TICKS, "ticks"), (seconds, "s"), gigabytes, each)


def _sends(stack: Stack) -> Line:
    return Line("sqs", "SQS, sends", (MILLION, "sends"), sqs_price(stack.setup))


def _writes(stack: Stack) -> list[Line]:
    if not stack.writes:
        return []
    each = price("dynamodb", "write")
    return [Line("dynamodb", "DynamoDB, records", (MILLION, "tasks"), (stack.writes, "writes"), each)]


def _alarms(parameters: Mapping[str, str], queues: int) -> int:
    """Returns how many alarms the template has with these parameters."""
    fifo = parameters.get("Fifo", "false")
    kinds = {
        parameters.get(f"Queue{place}Fifo", "default")
        for place in "2345"
        if parameters.get(f"Queue{place}", "none") != "none"
    }
    second = bool(kinds - {"default", fifo})
    if not parameters.get("AlarmEmail") and parameters.get("AlarmTopicArn", "none") == "none":
        return 1 + second
    by_events = parameters.get("Trigger") == "events"
    often = parameters.get("Schedule", "rate(1 minute)") in OFTEN
    of_ticks = 0 if by_events else 2 + often
    return 5 + of_ticks + (queues if by_events or often else 0) + 3 * second


_WATCH = ("alarm", "dashboard")
"""Are paid by the month, whatever the stack does."""


def _watch_lines(stack: Stack) -> list[Line]:
    each, of = price("cloudwatch", "alarm_month"), price("cloudwatch", "dashboard_month")
    lines = [Line("alarm", "CloudWatch, alarms", (stack.alarms, "alarms"), each)]
    if stack.dashboard:
        lines.append(Line("dashboard", "CloudWatch, dashboard", (1, "dashboard"), of))
    return lines


def _scaled(line: Line, number: float) -> Line:
    return line.times(number, line.factors[0][1])


def _of_queues(line: Line, queues: int) -> Line:
    factors = line.factors if queues == 1 else [line.factors[0], (queues, "queues"), *line.factors[1:]]
    return Line(line.part, line.name, *factors, line.price)


def _of_ticks(line: Line) -> Line:
    name = line.name if "," in line.name else f"{line.name}, ticks"
    return Line(line.part, name.replace("requests", "starts"), *line.factors, line.price)
