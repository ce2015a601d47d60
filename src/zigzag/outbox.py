"""The queues that messages go to: those of the stack, or in a test those that stand in for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from shared.ports.objects import Objects
from shared.ports.queue import Outgoing
from shared.queues import DEFAULT, is_url, more_queues
from zigzag.errors import SendError

if TYPE_CHECKING:
    from zigzag.extra.schedules import Scheduler


class Sender(Protocol):
    """Takes a message and returns its MessageId."""

    def send(self, message: Outgoing) -> Coroutine[Any, Any, str]: ...


class Outbox(Sender, Protocol):
    """Takes a queue's place in a test. The `url` of a FIFO one ends in .fifo, as with SQS."""

    @property
    def url(self) -> str: ...


class _Open(NamedTuple):
    """An outbox that is open, with what `sending_to` was given.

    process -- the id of its process. A forked child has only a copy: a message in it would be lost.
    """

    outbox: Outbox
    process: int
    named: Callable[[str], Outbox] | None
    objects: Objects | None
    scheduler: Scheduler | None
    takes: Callable[[str], bool]


_here: ContextVar[_Open | None] = ContextVar("outbox", default=None)
_open: list[_Open] = []
"""Every outbox that is open now. A thread of a pool has a context of its own, in which `_here` is not set."""


@contextmanager
def sending_to(
    outbox: Outbox,
    named: Callable[[str], Outbox] | None = None,
    objects: Objects | None = None,
    scheduler: Scheduler | None = None,
    takes: Callable[[str], bool] = lambda task: True,
) -> Iterator[None]:
    """Sends tasks to `outbox` instead of AWS within a `with` block, from other threads as well.

    named     -- returns the outbox for a queue's name or URL, or raises SendError. Without it, `outbox` takes
                 the messages for all queues.
    objects   -- the bucket of large messages; without it, they are refused.
    scheduler -- takes what is to be sent later than SQS can.
    takes     -- tells whether `outbox` takes a task of this name from a topic, as a subscription does.
    """
    here = _Open(outbox, os.getpid(), named, objects, scheduler, takes)
    token = _here.set(here)
    _open.append(here)
    try:
        yield
    finally:
        _open.remove(here)
        _here.reset(token)


def standing_in(queue: str | None) -> Outbox | None:
    """Returns the outbox in the queue's place, or None for AWS. Raises SendError if it can't be known which
    one this thread or process means."""
    here = _current()
    if here is None:
        return None
    return here.outbox if queue is None or here.named is None else here.named(queue)


def bucket_standing_in() -> Objects | None:
    """Returns the bucket of the outbox in the queue's place, if that has one. Raises SendError as above."""
    here = _current()
    return None if here is None else here.objects


def subscribes(task: str) -> bool:
    """Returns whether the outbox that is open takes the task from a topic. Raises SendError as above."""
    here = _current()
    return here is not None and here.takes(task)


def scheduler_standing_in() -> Scheduler | None:
    """Returns what takes EventBridge Scheduler's place, or None for AWS. Raises SendError as above, or if
    nothing takes it."""
    here = _current()
    if here is not None and here.scheduler is None:
        raise SendError("this outbox takes no message for later than now: use a Sandbox")
    return None if here is None else here.scheduler


def now() -> float:
    """Returns the time in epoch seconds, in a test that of what stands in. Raises SendError as above."""
    here = _current()
    return time() if here is None or here.scheduler is None else here.scheduler.now()


def _current() -> _Open | None:
    here = _here.get()
    if here is None and len(_open) > 1:
        raise SendError(
            "more than one sandbox is open, and this thread does not say which: start it with "
            "`contextvars.copy_context().run`, or close the others"
        )
    here = here or next(iter(_open), None)
    if here is not None and here.process != os.getpid():
        raise SendError("this process was forked in a test's sandbox, which is its parent's: send there")
    return here


def url_of(queue: str | None) -> str:
    """Returns the URL of the stack's queue with this name, or of the first one. A URL is returned as it is.

    Raises SendError if the variables don't name the queue.
    """
    if is_url(queue):
        return queue
    if queue is None or queue == DEFAULT:
        if url := os.environ.get("ZIGZAG_QUEUE_URL"):
            return url
        raise SendError("ZIGZAG_QUEUE_URL is not set; it may be the QueueUrl that `sam deploy` printed")
    try:
        urls = {one.name: one.url for one in more_queues(os.environ.get("ZIGZAG_QUEUES", ""))}
    except ValueError:
        raise SendError("ZIGZAG_QUEUES is wrong; it may be `urgent=https://… bulk=https://…`") from None
    if not isinstance(queue, str) or queue not in urls:
        raise no_queue(queue, urls)
    return urls[queue]


def no_queue(queue: str, names: Iterable[str]) -> SendError:
    """Returns the error for a queue that is none of the stack's."""
    known = ", ".join((DEFAULT, *names))
    return SendError(f"there is no queue {queue!r}, only {known}: name one of these, or give its URL")
