"""The worker's settings. `template.yaml` sets them; docs/configuration.md explains them."""

from __future__ import annotations

from typing import NamedTuple

from shared.aws.choice import BOTO, LEAN
from shared.queues import DEFAULT, MoreQueue, dead_letters_of
from shared.settings import (
    anything,
    arn_or_empty,
    arns,
    list_of_queues,
    one_of,
    text,
    text_or_empty,
    true_or_false,
    url,
    url_or_empty,
)


class WorkerSettings(NamedTuple):
    """Settings read from `ZIGZAG_*` variables, one for each field. Tasks send to `queue_url`.

    queues       -- the queues besides the first one.
    other_dead_letter_queue_url -- of queues of the other kind: FIFO if the first one is not, or standard.
    scheduler    -- what a task that sends later needs of the stack.
    metrics      -- whether a delivery's log line carries its metrics as well.
    flow_control -- whether the queue has a gate, in the table of records.
    large_bucket -- the name of the bucket with the bodies of large messages, if there is one.
    failure_topic -- the ARN of the topic for notices of failed tasks; empty without an address.
    reply_to     -- the ARNs of the queues and topics to which tasks may reply.
    """

    queue_url: str = url("the task queue's URL")
    queues: tuple[MoreQueue, ...] = list_of_queues()
    dead_letter_queue_url: str = url("the dead-letter queue's URL")
    other_dead_letter_queue_url: str = url_or_empty()
    transport: str = one_of(LEAN, BOTO)
    scheduler: str = anything("the text of the stack's output Scheduler, or empty")
    records_table: str = text("the name of the DynamoDB table of records")
    metrics: bool = true_or_false()
    flow_control: bool = true_or_false()
    large_bucket: str = text_or_empty("the name of the bucket of large payloads")
    failure_topic: str = arn_or_empty()
    reply_to: tuple[str, ...] = arns()

    @property
    def names(self) -> dict[str, str]:
        """The URLs of all queues of the stack, to their names."""
        return {self.queue_url: DEFAULT, **{queue.url: queue.name for queue in self.queues}}

    @property
    def weights(self) -> list[int]:
        """The weights of those besides the first one."""
        return [queue.weight for queue in self.queues]

    def dead_letters_of(self, queue_url: str) -> str:
        """Returns the URL of the dead-letter queue of one of these queues."""
        return dead_letters_of(queue_url, self.dead_letter_queue_url, self.other_dead_letter_queue_url)
