"""The worker's settings. `template.yaml` sets them; docs/configuration.md explains them."""

from __future__ import annotations

from typing import NamedTuple

from shared.aws.choice import BOTO, LEAN
from shared.queues import DEFAULT, TaskQueue
from shared.settings import one_of, text, true_or_false, url


class WorkerSettings(NamedTuple):
    """Settings read from `ZIGZAG_*` variables, one for each field. Tasks send to `queue_url`.

    metrics      -- whether a delivery's log line carries its metrics as well.
    flow_control -- whether the queue has a gate, in the table of records.
    """

    queue_url: str = url("the task queue's URL")
    dead_letter_queue_url: str = url("the dead-letter queue's URL")
    transport: str = one_of(LEAN, BOTO)
    records_table: str = text("the name of the DynamoDB table of records")
    metrics: bool = true_or_false()
    flow_control: bool = true_or_false()

    @property
    def queue(self) -> TaskQueue:
        return TaskQueue(DEFAULT, self.queue_url, self.dead_letter_queue_url)
