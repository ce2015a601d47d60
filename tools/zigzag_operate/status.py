"""The status of a stack's queues: their counts, and why nothing is received."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shared.queues import DEFAULT, TaskQueue
from zigzag_operate.counts import Counts, counts
from zigzag_operate.gates import StackGates, is_controlled
from zigzag_operate.queues import named, queues_of
from zigzag_operate.target import Stack, Target
from zigzag_operate.trigger import is_by_events, why_nothing_starts


@dataclass(frozen=True, slots=True)
class Status(Counts):
    """A queue's counts, and `closed`: why nothing is received, or None."""

    closed: str | None


@dataclass(frozen=True, slots=True)
class QueueStatus(Status):
    """The status of one queue of several: its weight and its URL as well."""

    weight: int
    url: str


def status(target: Target, queue: str = DEFAULT) -> Status:
    """Returns a queue's status. A gate that can't be read is a reason in `closed`. Raises OperateError."""
    stack = target.stack_as_it_is()
    return Status(**_status(target, stack, named(stack, queue)))


def queues(target: Target) -> dict[str, QueueStatus]:
    """Returns the status of each queue of the stack, by its name. Raises OperateError."""
    stack = target.stack_as_it_is()
    return {
        name: QueueStatus(**_status(target, stack, queue), weight=queue.weight, url=queue.url)
        for name, queue in queues_of(stack).items()
    }


def _status(target: Target, stack: Stack, queue: TaskQueue) -> dict[str, Any]:
    closed = why_nothing_starts(stack)
    if is_controlled(stack) and not is_by_events(stack):
        closed = StackGates(target, queue.name, stack).why_closed()
    return {**asdict(counts(target, queue)), "closed": closed}
