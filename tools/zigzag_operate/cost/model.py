"""A model of the cost of a million tasks, and of an idle month: prices.toml times the calls of each design.

Each cost is made of lines, and each line of its factors. It counts the work after the queue; sends, $0.40 a
million, are the same for all designs. A constant below is a figure that is neither measured nor published.
"""

from __future__ import annotations

from dataclasses import dataclass

from consumer.linger import WATCH_SECONDS
from consumer.pollers import messages_for
from consumer.source import IDLE_POLLS
from zigzag_operate.cost.lines import Cost, Line, cost_of, price

MILLION = 1_000_000

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
    task_log_bytes: float = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A configuration. `metrics` and `watch_always` are parameters.

    memory_mb -- that of the consumer.
    worker_mb -- that of the worker; None = the same.
    fifo      -- whether requests to SQS are those of a FIFO queue.
    boto      -- the parameter Transport: boto makes every call, and each dispatch has one message.
    """

    memory_mb: int = 128
    worker_mb: int | None = None
    architecture: str = "x86_64"
    per_dispatch: int = 1
    watch_always: bool = False
    metrics: bool = False
    boto: bool = False
    fifo: bool = False

    @property
    def of_worker(self) -> int:
        return self.memory_mb if self.worker_mb is None else self.worker_mb


def idle_lines(setup: Setup) -> list[Line]:
    """Returns the cost of an idle month of Zigzag. Without deliveries there are no metrics."""
    watched = int(WATCH_SECONDS) if setup.watch_always else 0
    long_polls = -(-watched // POLL_SECONDS)
    # The in-flight count is asked first, and before each long poll except the one that follows at once.
    requests = IDLE_POLLS + 1 if long_polls == 0 else 2 * long_polls + 1
    by_boto = processor_seconds(requests * BOTO_DELETE_SECONDS, setup.memory_mb) if setup.boto else 0.0
    return _tick_lines(max(IDLE_TICK_SECONDS + by_boto, watched), requests, setup)


def idle_month(setup: Setup) -> Cost:
    return cost_of(idle_lines(setup))


def month_of_ticks(seconds: float, requests: float, setup: Setup) -> Cost:
    """Returns the cost of a month of ticks, each of so many seconds and so many requests to SQS."""
    return cost_of(_tick_lines(IDLE_TICK_SECONDS + seconds, requests, setup))


def _tick_lines(seconds: float, requests: float, setup: Setup) -> list[Line]:
    return [
        _time("Lambda, consumer", TICKS, "ticks", seconds, setup.memory_mb, setup),
        Line("lambda_requests", "Lambda, requests", (TICKS, "ticks"), price("lambda", "request")),
        Line("sqs", "SQS", (TICKS, "ticks"), (requests, "requests"), sqs_price(setup)),
        _logs("CloudWatch, logs", TICKS, "ticks", TICK_LOG_BYTES),
        Line("alarm", "CloudWatch, alarm", (1, "alarm"), price("cloudwatch", "alarm_month")),
    ]


def flow_control_month(setup: Setup) -> float:
    """Returns the cost that FlowControl adds to an idle month, in USD: a read in each tick, and its time."""
    return sum(line.amount for line in flow_control_lines(setup))


def flow_control_lines(setup: Setup) -> list[Line]:
    return [
        Line("dynamodb", "DynamoDB, the gate", (TICKS, "ticks"), price("dynamodb", "read_unit")),
        _time("Lambda, its time", TICKS, "ticks", CALL_SECONDS, setup.memory_mb, setup),
    ]


def million_lines(setup: Setup, task_seconds: float, measured: Measured) -> list[Line]:
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
        more = (receives - MILLION / MAX_MESSAGES) * BOTO_DELETE_SECONDS / MILLION
    consumer = processor_seconds(consumer_cpu + more, setup.memory_mb)
    around = max(0.0, measured.worker_cpu - measured.delete_cpu) + delete_cpu / setup.per_dispatch
    worker = task_seconds + processor_seconds(around, setup.of_worker) + CALL_SECONDS / setup.per_dispatch
    bytes_of_line = measured.task_log_bytes + (METRICS_LOG_BYTES if setup.metrics else 0)
    lines = [
        _time("Lambda, consumer", MILLION, "tasks", consumer, setup.memory_mb, setup),
        _time("Lambda, worker", MILLION, "tasks", worker, setup.of_worker, setup),
        Line("lambda_requests", "Lambda, requests", (dispatches, "invokes"), price("lambda", "request")),
        Line("sqs", "SQS, receives", (receives, "receives"), sqs_price(setup)),
        Line("sqs", "SQS, deletes", (dispatches, "deletes"), sqs_price(setup)),
        _logs("CloudWatch, logs", MILLION, "tasks", bytes_of_line),
    ]
    each = price("cloudwatch", "metric_month")
    return (
        [*lines, Line("metrics", "CloudWatch, metrics", (METRICS, "metrics"), each)]
        if setup.metrics
        else lines
    )


def million_tasks(setup: Setup, task_seconds: float, measured: Measured) -> Cost:
    return cost_of(million_lines(setup, task_seconds, measured))


def million_by_mapping_lines(setup: Setup, batch: int, task_seconds: float, measured: Measured) -> list[Line]:
    """Returns the cost of SQS's event source mapping: Lambda receives, invokes, deletes. A task logs a
    line."""
    batches = MILLION / batch
    return [
        _time("Lambda, function", MILLION, "tasks", task_seconds, setup.of_worker, setup),
        Line("lambda_requests", "Lambda, requests", (batches, "invokes"), price("lambda", "request")),
        Line("sqs", "SQS", (batches, "batches"), (2, "requests"), sqs_price(setup)),
        _logs("CloudWatch, logs", MILLION, "tasks", measured.task_log_bytes),
    ]


def million_by_mapping(setup: Setup, batch: int, task_seconds: float, measured: Measured) -> Cost:
    return cost_of(million_by_mapping_lines(setup, batch, task_seconds, measured))


def million_by_events_lines(setup: Setup, task_seconds: float, measured: Measured) -> list[Line]:
    """Returns the cost of Zigzag with Trigger=events: Lambda receives and invokes, the worker shortens the
    lease and deletes, and Lambda deletes once more. `per_dispatch` is the mapping's BatchSize."""
    batches = MILLION / setup.per_dispatch
    around = (
        max(0.0, measured.worker_cpu - measured.delete_cpu) + 2 * measured.delete_cpu / setup.per_dispatch
    )
    seconds = (
        task_seconds + processor_seconds(around, setup.of_worker) + 2 * CALL_SECONDS / setup.per_dispatch
    )
    return [
        _time("Lambda, worker", MILLION, "tasks", seconds, setup.of_worker, setup),
        Line("lambda_requests", "Lambda, requests", (batches, "invokes"), price("lambda", "request")),
        Line("sqs", "SQS", (batches, "batches"), (4, "requests"), sqs_price(setup)),
        _logs("CloudWatch, logs", MILLION, "tasks", measured.task_log_bytes),
    ]


def million_by_events(setup: Setup, task_seconds: float, measured: Measured) -> Cost:
    return cost_of(million_by_events_lines(setup, task_seconds, measured))


def idle_by_mapping_lines(setup: Setup) -> list[Line]:
    """Returns the cost of long polls, and of the same alarm."""
    polls = TICKS * 60 / POLL_SECONDS
    return [
        Line("sqs", "SQS, long polls", (polls, "polls"), (POLLERS, "pollers"), sqs_price(setup)),
        Line("alarm", "CloudWatch, alarm", (1, "alarm"), price("cloudwatch", "alarm_month")),
    ]


def idle_month_by_mapping() -> Cost:
    return cost_of(idle_by_mapping_lines(Setup()))


def sqs_price(setup: Setup) -> float:
    return price("sqs", "fifo_request" if setup.fifo else "request")


def processor_seconds(cpu_seconds: float, memory_mb: int) -> float:
    """Returns how long this processor time of ours takes in a function of that memory."""
    return cpu_seconds * SLOWER / min(1.0, memory_mb / PROCESSOR_MB)


def _time(name: str, count: float, of: str, seconds: float, memory_mb: int, setup: Setup) -> Line:
    each = price("lambda", "gb_second", setup.architecture)
    return Line("lambda_time", name, (count, of), (seconds, "s"), (memory_mb / 1024, "GB"), each)


def _logs(name: str, count: float, of: str, size: float) -> Line:
    return Line("logs", name, (count, of), (size / 1_000_000_000, "GB"), price("cloudwatch", "log_gb"))
