"""The queues of the stack, as values: their names, URLs, weights and limits."""

from __future__ import annotations

from typing import NamedTuple, TypeGuard


class TaskQueue(NamedTuple):
    """A task queue and its dead-letter queue.

    name            -- the name for people and logs.
    url             -- the task queue's URL.
    dead_letter_url -- its dead-letter queue's URL.
    batch_size      -- most deliveries of one dispatch, from a standard queue.
    weight          -- its part of what is received, next to the other queues' weights.
    worker          -- name of the worker function that works its messages; empty where it does not matter.
    tracing         -- whether the worker is invoked with the trace of its message's sender.
    """

    name: str
    url: str
    dead_letter_url: str
    batch_size: int = 1
    weight: int = 1
    worker: str = ""
    tracing: bool = False

    @property
    def fifo(self) -> bool:
        return is_fifo(self.url)


DEFAULT = "default"
"""The name of the stack's first queue."""

NONE = "none"
"""The name in a place that has no queue."""

MAX_WEIGHT = 100
MAX_QUEUES = 5
"""Most queues of a stack: the first one, and those in the places of the template."""

QUEUES_MAY_BE = (
    "text such as `urgent:6=https://… bulk=https://…`: different names of letters and digits, each perhaps"
    f" with a weight from 1 to {MAX_WEIGHT}, and with its queue's URL; {MAX_QUEUES} at most with `{DEFAULT}`"
)
WORKERS_MAY_BE = (
    "text such as `video:2=zigzag-VideoWorker-1A2B`: different queues, each with its worker's name"
)


class MoreQueue(NamedTuple):
    """One more queue of the stack: its name, weight and URL."""

    name: str
    weight: int
    url: str


def more_queues(text: str) -> tuple[MoreQueue, ...]:
    """Returns the queues in the text of `ZIGZAG_QUEUES`, without the first one, which the output `Queues` has
    as well. Raises ValueError if it is not QUEUES_MAY_BE."""
    found = tuple(map(_more_queue, text.split()))
    if len({queue.name for queue in found}) < len(found):
        raise ValueError("a name is there twice")
    more = tuple(queue for queue in found if queue.name != DEFAULT)
    if len(more) >= MAX_QUEUES:
        raise ValueError("too many")
    return more


def _more_queue(text: str) -> MoreQueue:
    named, _, url = text.partition("=")
    name, weighs, weight = named.partition(":")
    if not (name.isascii() and name.isalnum() and is_url(url)):
        raise ValueError(text)
    number = int(weight) if weighs else 1
    if not 1 <= number <= MAX_WEIGHT:
        raise ValueError(weight)
    return MoreQueue(name, number, url)


def workers_of_queues(text: str) -> dict[str, str]:
    """Returns the worker functions in the text of `ZIGZAG_QUEUE_WORKERS`, by the names of their queues. A
    weight behind a queue's name says nothing here. Raises ValueError if the text is not WORKERS_MAY_BE."""
    found: dict[str, str] = {}
    for one in text.split():
        named, _, worker = one.partition("=")
        name = named.partition(":")[0]
        if not (name.isascii() and name.isalnum() and worker) or name in found:
            raise ValueError(one)
        if name != NONE:
            found[name] = worker
    return found


def dead_letters_of(url: str, first: str, other: str) -> str:
    """Returns which of two dead-letter queues has a queue's dead letters: the one that is FIFO as it is.

    other -- the second one's URL; empty if the stack has only the first.
    """
    return other if other and is_fifo(other) == is_fifo(url) else first


def is_url(text: object) -> TypeGuard[str]:
    """Returns whether it is the URL of a queue, in place of its name."""
    return isinstance(text, str) and text.startswith(("https://", "http://"))


def is_fifo(url: str) -> bool:
    """Returns whether the URL is a FIFO queue's: only the names of FIFO queues end in `.fifo`
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html)."""
    return url.endswith(".fifo")
