"""The consumer's settings. `template.yaml` sets them; docs/configuration.md explains them."""

from __future__ import annotations

from typing import NamedTuple

from shared.aws.choice import BOTO, LEAN
from shared.delivery import MAX_BATCH_SIZE
from shared.queues import DEFAULT, TaskQueue
from shared.settings import one_of, text, true_or_false, url, whole_number


class ConsumerSettings(NamedTuple):
    """Settings read from `ZIGZAG_*` variables, one for each field.

    worker         -- name of the worker function.
    transport      -- the client that calls AWS: "lean" or "boto".
    linger_seconds -- how long a tick polls on after the queue has run empty, in seconds.
    in_flight_cap  -- most messages that a run receives, less those in flight; 0 = no cap.
    batch_size     -- most deliveries of one dispatch from a standard queue.
    flow_control   -- whether the queue has a gate, in the table of records.
    """

    queue_url: str = url("the task queue's URL")
    dead_letter_queue_url: str = url("the dead-letter queue's URL")
    worker: str = text("the name of the worker function")
    transport: str = one_of(LEAN, BOTO)
    linger_seconds: int = whole_number(0, 70)
    in_flight_cap: int = whole_number(0, 120_000)
    batch_size: int = whole_number(1, MAX_BATCH_SIZE)
    flow_control: bool = true_or_false()
    records_table: str = text("the name of the table of records")

    @property
    def queue(self) -> TaskQueue:
        return TaskQueue(DEFAULT, self.queue_url, self.dead_letter_queue_url, self.batch_size)
