"""The cost of the first version of this pattern, next to the model of `zigzag_operate.cost`."""

from __future__ import annotations

from zigzag_operate.cost.lines import Cost, price
from zigzag_operate.cost.model import (
    BOTO_DELETE_SECONDS,
    CALL_SECONDS,
    MAX_MESSAGES,
    MILLION,
    PLATFORM_LOG_BYTES,
    TICKS,
    Measured,
    Setup,
    processor_seconds,
)


def million_by_naive(setup: Setup, task_seconds: float, measured: Measured) -> Cost:
    """Returns the cost of the first version: ten messages a tick, single calls, Lambda's own log lines."""
    ticks = MILLION / MAX_MESSAGES
    dispatching = MILLION * (processor_seconds(measured.naive_cpu, setup.memory_mb) + CALL_SECONDS)
    deleting = MILLION * (processor_seconds(BOTO_DELETE_SECONDS, setup.memory_mb) + CALL_SECONDS)
    return Cost(
        lambda_time=_time(MILLION * task_seconds + dispatching + deleting, setup),
        lambda_requests=(MILLION + ticks) * price("lambda", "request"),
        sqs=(ticks + MILLION) * price("sqs", "request"),
        logs=_logs(MILLION * measured.task_log_bytes + (MILLION + ticks) * PLATFORM_LOG_BYTES),
    )


def idle_month_by_naive(setup: Setup) -> Cost:
    """Returns the cost of ticks with one receive that does not wait, without an alarm."""
    seconds = processor_seconds(BOTO_DELETE_SECONDS, setup.memory_mb) + CALL_SECONDS
    return Cost(
        lambda_time=_time(TICKS * seconds, setup),
        lambda_requests=TICKS * price("lambda", "request"),
        sqs=TICKS * price("sqs", "request"),
        logs=_logs(TICKS * PLATFORM_LOG_BYTES),
    )


def _time(seconds: float, setup: Setup) -> float:
    return seconds * setup.memory_mb / 1024 * price("lambda", "gb_second", setup.architecture)


def _logs(size: float) -> float:
    return size / 1_000_000_000 * price("cloudwatch", "log_gb")
