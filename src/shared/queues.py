"""A queue of the stack, as a value: what it is called, where it is, and what holds for it."""

from __future__ import annotations

from typing import NamedTuple


class TaskQueue(NamedTuple):
    """A task queue and its dead-letter queue.

    name            -- what people and logs call it.
    url             -- the task queue's.
    dead_letter_url -- its dead-letter queue's.
    batch_size      -- most deliveries of one dispatch, from a standard queue.
    in_flight_cap   -- most messages that a run of the consumer receives, with those in flight; 0 = no cap.
    """

    name: str
    url: str
    dead_letter_url: str
    batch_size: int = 1
    in_flight_cap: int = 0

    @property
    def fifo(self) -> bool:
        return is_fifo(self.url)


DEFAULT = "default"
"""The name of the stack's first queue."""


def is_fifo(url: str) -> bool:
    """Whether it is a FIFO queue's: their names end so, and no others
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html)."""
    return url.endswith(".fifo")
