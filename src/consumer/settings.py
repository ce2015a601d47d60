"""The consumer's settings. `template.yaml` sets them; docs/configuration.md explains them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.aws.choice import BOTO, LEAN
from shared.delivery import MAX_BATCH_SIZE
from shared.queues import DEFAULT, MAX_WEIGHT, MoreQueue, TaskQueue, dead_letters_of
from shared.settings import (
    PREFIX,
    SettingError,
    list_of_queues,
    one_of,
    text,
    true_or_false,
    url,
    url_or_empty,
    whole_number,
    workers_by_queue,
)

MAX_CONSUMERS = 10
"""At most so many consumers at a time. By then another bound is met: docs/scale.md."""


class ConsumerSettings(NamedTuple):
    """Settings read from `ZIGZAG_*` variables, one for each field.

    queues         -- the queues besides the first one.
    default_weight -- the first queue's weight.
    other_dead_letter_queue_url -- of queues of the other kind: FIFO if the first one is not, or standard.
    worker         -- name of the worker function of all queues but those of `queue_workers`.
    queue_workers  -- names of further worker functions, by their queue.
    transport      -- the client that calls AWS: "lean" or "boto".
    linger_seconds -- how long a tick that has received something polls on after the queue has run empty.
    watch_always   -- whether every tick watches the queue until the next one has begun.
    in_flight_cap  -- most messages that a run receives, less those in flight; 0 = no cap.
    keep_percent   -- the part of the cap that is kept for the queues of the largest weight.
    max_consumers  -- most consumers at a time; more than 1 = a scheduled tick that is behind starts others.
    batch_size     -- most deliveries of one dispatch from a standard queue.
    flow_control   -- whether the queue has a gate, in the table of records.
    tracing        -- whether the functions are traced: a message's trace then goes on to its worker.
    """

    queue_url: str = url("the task queue's URL")
    queues: tuple[MoreQueue, ...] = list_of_queues()
    default_weight: int = whole_number(1, MAX_WEIGHT)
    dead_letter_queue_url: str = url("the dead-letter queue's URL")
    other_dead_letter_queue_url: str = url_or_empty()
    worker: str = text("the name of the worker function")
    queue_workers: Mapping[str, str] = workers_by_queue()
    transport: str = one_of(LEAN, BOTO)
    linger_seconds: int = whole_number(0, 60)
    watch_always: bool = true_or_false()
    in_flight_cap: int = whole_number(0, 120_000)
    keep_percent: int = whole_number(0, 90)
    max_consumers: int = whole_number(1, MAX_CONSUMERS)
    batch_size: int = whole_number(1, MAX_BATCH_SIZE)
    flow_control: bool = true_or_false()
    tracing: bool = true_or_false()
    records_table: str = text("the name of the table of records")

    @property
    def task_queues(self) -> list[TaskQueue]:
        """All queues of the stack, the first one first. Raises SettingError for a worker of another one."""
        queues = (MoreQueue(DEFAULT, self.default_weight, self.queue_url), *self.queues)
        names = [one.name for one in queues]
        for name in self.queue_workers:
            if name not in names:
                has = f"{PREFIX}QUEUE_WORKERS has {name!r}"
                raise SettingError(f"{has}; it may have {', '.join(names)}")
        return [self._task_queue(one) for one in queues]

    def _task_queue(self, one: MoreQueue) -> TaskQueue:
        letters = dead_letters_of(one.url, self.dead_letter_queue_url, self.other_dead_letter_queue_url)
        worker = self.queue_workers.get(one.name, self.worker)
        return TaskQueue(one.name, one.url, letters, self.batch_size, one.weight, worker, self.tracing)
