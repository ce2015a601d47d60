"""The sandbox's two queues and its table of tasks, as in the template and the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.lease import KEPT_SECONDS, MAX_RECEIVE_COUNT
from zigzag import Task
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.virtual_time import VirtualClock

LOOK_AGAIN_SECONDS = 1.0
"""Seconds until a waiting receive sees a new message."""


def queues_of(
    clock: VirtualClock, fifo: bool, superseded_handles_act: bool, count_late_seconds: float
) -> tuple[MemoryQueue, MemoryQueue]:
    """Returns the task queue and the dead-letter queue, as in the template."""
    suffix = ".fifo" if fifo else ""
    dead_letters = MemoryQueue(
        clock, f"https://sqs.sandbox/dead-letters{suffix}", retention_seconds=KEPT_SECONDS
    )
    queue = MemoryQueue(
        clock,
        f"https://sqs.sandbox/tasks{suffix}",
        retention_seconds=KEPT_SECONDS,
        max_receive_count=MAX_RECEIVE_COUNT,
        dead_letters=dead_letters,
        superseded_handles_act=superseded_handles_act,
        look_again_seconds=LOOK_AGAIN_SECONDS,
        count_late_seconds=count_late_seconds,
    )
    return queue, dead_letters


def table_of(
    tasks: Mapping[str, str | Task[Any, Any, Any]] | None,
) -> Mapping[str, str | Task[Any, Any, Any]]:
    if tasks is not None:
        return tasks
    from tasks import TASKS

    return TASKS
