"""The sandbox's queues and its table of tasks, as in the template and the project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from consumer.consumer import PolledQueue
from consumer.linger import Lingering
from shared.lease import KEPT_SECONDS, MAX_RECEIVE_COUNT
from shared.ports.workers import Workers
from shared.queues import DEFAULT, MAX_WEIGHT, TaskQueue
from zigzag import Task
from zigzag.outbox import is_url, no_queue
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.process_ports import ConsumerPorts
from zigzag_testing.virtual_time import VirtualClock

LOOK_AGAIN_SECONDS = 1.0
"""Seconds until a waiting receive sees a new message."""


class StackQueues:
    """The task queues by name, and the dead-letter queue, as in the template.

    weights -- of the queues, by name, the first one's first.
    """

    def __init__(
        self,
        clock: VirtualClock,
        weights: Mapping[str, int],
        batch_size: int,
        fifo: bool,
        superseded_handles_act: bool,
        count_late_seconds: float,
    ) -> None:
        self._weights = weights
        self._batch_size = batch_size
        suffix = ".fifo" if fifo else ""
        self.dead_letters = MemoryQueue(
            clock, f"https://sqs.sandbox/dead-letters{suffix}", retention_seconds=KEPT_SECONDS
        )
        self.by_name = {
            name: MemoryQueue(
                clock,
                f"https://sqs.sandbox/tasks{'' if name == DEFAULT else f'-{name}'}{suffix}",
                retention_seconds=KEPT_SECONDS,
                max_receive_count=MAX_RECEIVE_COUNT,
                dead_letters=self.dead_letters,
                superseded_handles_act=superseded_handles_act,
                look_again_seconds=LOOK_AGAIN_SECONDS,
                count_late_seconds=count_late_seconds,
            )
            for name in self._weights
        }

    def polled(self, ports: ConsumerPorts, workers: Mapping[str, Workers]) -> list[PolledQueue]:
        """Returns the queues for a consumer, with its ports, and `workers` of those that have their own."""
        to, size = self.dead_letters.url, self._batch_size
        queues = [
            TaskQueue(name, queue.url, to, size, self._weights[name]) for name, queue in self.by_name.items()
        ]
        return [
            PolledQueue(queue, port, ports.dead_letters, workers.get(queue.name))
            for queue, port in zip(queues, (ports.queue, *ports.others), strict=True)
        ]

    def name_of(self, url: str | None) -> str:
        """Returns the name of the queue with this URL; the first one's if there is none."""
        return next((name for name, queue in self.by_name.items() if queue.url == url), DEFAULT)

    def named(self, queue: str) -> MemoryQueue:
        """Returns the queue of a name or a URL. Raises SendError for one that is not there."""
        name = self.name_of(queue) if is_url(queue) else queue
        if name not in self.by_name or (is_url(queue) and self.by_name[name].url != queue):
            raise no_queue(queue, (name for name in self.by_name if name != DEFAULT))
        return self.by_name[name]


class Processes:
    """The consumer's processes. As on Lambda, a tick gets a free one, or a new one if none is free.

    Of several it gets the one that was used last. A process that crashes, or that Lambda ends, is gone.
    """

    def __init__(self, linger_seconds: float, watch_always: bool) -> None:
        self._linger_seconds = linger_seconds
        self._watch_always = watch_always
        self._free: list[Lingering] = []

    @contextmanager
    def one(self) -> Iterator[Lingering]:
        """Yields what the process of a tick remembers."""
        new = Lingering(self._linger_seconds, watch_always=self._watch_always)
        lingering = self._free.pop() if self._free else new
        yield lingering
        self._free.append(lingering)


def weights_of(queues: Mapping[str, int] | None) -> Mapping[str, int]:
    """Returns the weights of all queues. Raises ValueError for what the template would refuse."""
    weights = {DEFAULT: 1, **(queues or {})}
    for name, weight in weights.items():
        if not (name.isascii() and name.isalnum() and weight in range(1, MAX_WEIGHT + 1)):
            raise ValueError(
                f"queues has {name!r}: {weight!r}; it may have names of letters and digits, and weights"
                f" from 1 to {MAX_WEIGHT}"
            )
    return weights


def timeouts_of(queue_workers: Mapping[str, float] | None, weights: Mapping[str, int]) -> Mapping[str, float]:
    """Returns the timeouts of workers, by queue. Raises ValueError if one of the queues is not there."""
    for name in queue_workers or {}:
        if name not in weights:
            raise ValueError(f"queue_workers has {name!r}; it may have {', '.join(weights)}")
    return queue_workers or {}


def table_of(
    tasks: Mapping[str, str | Task[Any, Any, Any]] | None,
) -> Mapping[str, str | Task[Any, Any, Any]]:
    if tasks is not None:
        return tasks
    from tasks import TASKS

    return TASKS
