"""A queue of the stack, as a value: its name, its URLs and its limits."""

from __future__ import annotations

from typing import NamedTuple


class TaskQueue(NamedTuple):
    """A task queue and its dead-letter queue.

    name            -- the name for people and logs.
    url             -- the task queue's URL.
    dead_letter_url -- its dead-letter queue's URL.
    batch_size      -- most deliveries of one dispatch, from a standard queue.
    weight          -- its part of what is received, next to the other queues' weights.
    """

    name: str
    url: str
    dead_letter_url: str
    batch_size: int = 1
    weight: int = 1

    @property
    def fifo(self) -> bool:
        return is_fifo(self.url)


DEFAULT = "default"
"""The name of the stack's first queue."""


def is_fifo(url: str) -> bool:
    """Returns whether the URL is a FIFO queue's: only the names of FIFO queues end in `.fifo`
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html)."""
    return url.endswith(".fifo")
