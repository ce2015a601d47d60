"""The sandbox's queues and its table of tasks, as in the template and the project."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from consumer.consumer import PolledQueue
from shared.lease import KEPT_SECONDS, MAX_RECEIVE_COUNT
from shared.ports.workers import Workers
from shared.queues import DEFAULT, MAX_QUEUES, MAX_WEIGHT, TaskQueue, is_url
from zigzag import Task
from zigzag.outbox import no_queue
from zigzag_testing.bounded import BoundedQueue
from zigzag_testing.dead_letters import redrive
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.process_ports import ConsumerPorts
from zigzag_testing.quotas import Quotas
from zigzag_testing.virtual_time import VirtualClock

_SUFFIX = {False: "", True: ".fifo"}

LOOK_AGAIN_SECONDS = 1.0
"""Seconds until a waiting receive sees a new message."""

ADDRESS = "https://sqs.sandbox/000000000000"
"""Of the queues, with the account that their ARNs name."""


class StackQueues:
    """The task queues by name, and their dead-letter queues, as in the template: one for each kind.

    weights -- of the queues, by name, the first one's first.
    fifo    -- the names of those that are FIFO.
    """

    def __init__(
        self,
        clock: VirtualClock,
        weights: Mapping[str, int],
        batch_size: int,
        fifo: Collection[str],
        superseded_handles_act: bool,
        count_late_seconds: float,
        quotas: Quotas,
    ) -> None:
        self._weights = weights
        self.batch_size = batch_size
        first, *others = {name in fifo: None for name in weights}
        self.letter_queues = [
            MemoryQueue(clock, f"{ADDRESS}/{name}{_SUFFIX[kind]}", retention_seconds=KEPT_SECONDS)
            for name, kind in zip(("dead-letters", "other-dead-letters"), (first, *others), strict=False)
        ]
        self.dead_letters = self.letter_queues[0]
        self.by_name = {
            name: BoundedQueue(
                quotas,
                clock,
                f"{ADDRESS}/tasks{'' if name == DEFAULT else f'-{name}'}{_SUFFIX[name in fifo]}",
                retention_seconds=KEPT_SECONDS,
                max_receive_count=MAX_RECEIVE_COUNT,
                dead_letters=self._letters_of_kind(name in fifo),
                superseded_handles_act=superseded_handles_act,
                look_again_seconds=LOOK_AGAIN_SECONDS,
                count_late_seconds=count_late_seconds,
            )
            for name in self._weights
        }

    def polled(self, ports: ConsumerPorts, workers: Mapping[str, Workers]) -> list[PolledQueue]:
        """Returns the queues for a consumer, with its ports, and `workers` of those that have their own."""
        letters = ports.dead_letters, ports.other_dead_letters or ports.dead_letters
        polled = []
        for (name, queue), port in zip(self.by_name.items(), (ports.queue, *ports.others), strict=True):
            to = self.letters_of(queue)
            described = TaskQueue(name, queue.url, to.url, self.batch_size, self._weights[name])
            polled.append(
                PolledQueue(described, port, letters[self.letter_queues.index(to)], workers.get(name))
            )
        return polled

    def letters_of(self, queue: MemoryQueue) -> MemoryQueue:
        """Returns the dead-letter queue of a queue."""
        return self._letters_of_kind(queue.fifo)

    def _letters_of_kind(self, fifo: bool) -> MemoryQueue:
        return next(one for one in self.letter_queues if one.fifo == fifo)

    async def redrive(self) -> int:
        """Moves each dead letter to the first queue of its kind. Returns how many there were."""
        moved = 0
        for letters in self.letter_queues:
            to = next(queue for queue in self.by_name.values() if queue.fifo == letters.fifo)
            moved += await redrive(letters, to)
        return moved

    def name_of(self, url: str | None) -> str:
        """Returns the name of the queue with this URL; the first one's if there is none."""
        return next((name for name, queue in self.by_name.items() if queue.url == url), DEFAULT)

    def named(self, queue: str) -> MemoryQueue:
        """Returns the queue of a name or a URL. Raises SendError for one that is not there."""
        name = self.name_of(queue) if is_url(queue) else queue
        if (
            not isinstance(name, str)
            or name not in self.by_name
            or (is_url(queue) and self.by_name[name].url != queue)
        ):
            raise no_queue(queue, (name for name in self.by_name if name != DEFAULT))
        return self.by_name[name]


def weights_of(queues: Mapping[str, int] | None) -> Mapping[str, int]:
    """Returns the weights of all queues. Raises ValueError for what the template would refuse."""
    weights = {DEFAULT: 1, **(queues or {})}
    if len(weights) > MAX_QUEUES:
        raise ValueError(f"queues has {len(weights)} with `{DEFAULT}`; a stack has {MAX_QUEUES} at most")
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


def fifo_of(fifo: bool | Collection[str], weights: Mapping[str, int]) -> Collection[str]:
    """Returns the names of the FIFO queues. Raises ValueError if one is not there."""
    if isinstance(fifo, bool):
        return weights if fifo else ()
    for name in fifo:
        if name not in weights:
            raise ValueError(f"fifo has {name!r}; it may have {', '.join(weights)}")
    return fifo


def table_of(
    tasks: Mapping[str, str | Task[Any, Any, Any]] | None,
) -> Mapping[str, str | Task[Any, Any, Any]]:
    if tasks is not None:
        return tasks
    from tasks import TASKS

    return TASKS
