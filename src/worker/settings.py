"""What can be set for the worker? `template.yaml` sets it; docs/configuration.md explains it."""

from __future__ import annotations

from typing import NamedTuple

from shared.aws.choice import BOTO, LEAN
from shared.queues import DEFAULT, TaskQueue
from shared.settings import one_of, text, true_or_false, url


class WorkerSettings(NamedTuple):
    """Read from `ZIGZAG_*` variables, one a field. `queue_url` is where tasks send to.

    metrics -- whether a delivery's log line is its metrics as well.
    """

    queue_url: str = url("the task queue's URL")
    dead_letter_queue_url: str = url("the dead-letter queue's URL")
    transport: str = one_of(LEAN, BOTO)
    records_table: str = text("the name of the DynamoDB table of records")
    metrics: bool = true_or_false()

    @property
    def queue(self) -> TaskQueue:
        """The queue whose deliveries are worked."""
        return TaskQueue(DEFAULT, self.queue_url, self.dead_letter_queue_url)
