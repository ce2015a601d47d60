"""When is a message sent that may not start yet? SQS delays it up to 15 minutes. For a later time, a one-time
schedule of EventBridge Scheduler sends it.

A schedule is named by the task and its id, so a second one for the same id is refused. After its firing it
deletes itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import uuid4

from shared.ports.queue import MAX_DELAY_SECONDS, Outgoing
from shared.queues import is_fifo
from zigzag.errors import STORE_IT, PayloadTooLargeError, SendError
from zigzag.sendable import epoch_of

if TYPE_CHECKING:
    from zigzag.send import Options

MAX_INPUT_BYTES = 262_144
"""Most bytes of a scheduled message. A letter of the Scheduler's own with more could lose its end
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html)."""

MIN_AHEAD_SECONDS = 60.0
"""A schedule's time is at least so long from now: one in the past may be refused. Its precision is a minute
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html)."""

MAX_SECONDS = 100 * 365 * 24 * 3600
"""A longer time is a mistake, such as milliseconds."""

_PREFIX_CHARACTERS = 31
"""Characters of the task's name in a schedule's, which has 64 at most."""


class Scheduled(NamedTuple):
    """A message that a schedule sends.

    name     -- the schedule's name.
    task, id -- those of the message.
    at       -- when it is sent, in whole epoch seconds.
    url      -- the queue's URL.
    """

    name: str
    task: str
    id: str
    at: int
    url: str
    message: Outgoing

    @property
    def what(self) -> str:
        """Returns the task and the id, in words."""
        return f"{self.task} with the id {self.id}"


class Scheduler(Protocol):
    """EventBridge Scheduler, or in a test what stands in for it."""

    def now(self) -> float:
        """Returns the time in epoch seconds."""

    def create(self, scheduled: Scheduled) -> None:
        """Makes a schedule. Raises AlreadyScheduledError if there is one of its name, or SendError."""


def planned(options: Options, url: str, now: float) -> tuple[Options, int | None]:
    """Returns the options for SQS, and the time of a schedule, or None if SQS itself can wait for so long.

    Raises SendError for options that no schedule can have.
    """
    at = _due(options, now)
    if at - now > MAX_SECONDS:
        raise SendError("the message is for a time more than a hundred years from now")
    by_sqs = at - now <= (0 if is_fifo(url) else MAX_DELAY_SECONDS)
    at = at if by_sqs else math.ceil(max(at, now + MIN_AHEAD_SECONDS))
    if options.expires_at is not None and epoch_of("expires_at", options.expires_at) <= at:
        raise SendError("expires_at is not after the time of the message: it would never start")
    if by_sqs:
        return options._replace(at=None, delay_seconds=max(0, math.ceil(at - now))), None
    if options.deduplication_id is not None:
        raise SendError(
            "a schedule takes no deduplication_id: SQS compares the bodies of what it sends; leave it out"
        )
    return options._replace(at=None, delay_seconds=0, id=options.id or uuid4().hex), int(at)


def _due(options: Options, now: float) -> float:
    """Returns when the message is due, in epoch seconds. Raises SendError if the options don't say so."""
    if options.at is None:
        return now + min(options.delay_seconds, 2 * MAX_SECONDS)  # an int may be larger than each float
    if options.delay_seconds:
        raise SendError("a message has a time, at, or delay_seconds, not both: leave one out")
    return epoch_of("at", options.at)


def schedule(task: str, options: Options, at: int, url: str, message: Outgoing, scheduler: Scheduler) -> str:
    """Makes the schedule for a message, and returns its task's id. Raises AlreadyScheduledError or SendError.

    at -- when it is sent, in epoch seconds.
    """
    id = str(options.id)
    # The Scheduler replaces <aws.scheduler.…> in what it sends. In JSON, `<` may be written like this, too.
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    body = message.body.replace("<", "\\u003c")
    if len(body.encode()) > MAX_INPUT_BYTES:
        raise PayloadTooLargeError(
            f"the message for {task} takes {len(body.encode()):,} bytes; at most {MAX_INPUT_BYTES:,} can be "
            f"scheduled: {STORE_IT}"
        )
    # It has groups for FIFO queues, and may refuse one for another
    # (https://docs.aws.amazon.com/scheduler/latest/APIReference/API_SqsParameters.html).
    message = message._replace(body=body, group=message.group if is_fifo(url) else None)
    scheduler.create(Scheduled(name_of(task, id), task, id, at, url, message))
    return id


def name_of(task: str, id: str) -> str:
    """Returns the name of a task's schedule: it begins with the task's name."""
    hashed = hashlib.sha256(json.dumps([task, id]).encode()).hexdigest()[:32]
    return f"{prefix_of(task)}{hashed}"


def prefix_of(task: str) -> str:
    """Returns how the names of a task's schedules begin."""
    return re.sub(r"[^0-9A-Za-z_.-]", "-", task)[:_PREFIX_CHARACTERS] + "-"


def at_expression(at: int) -> str:
    """Returns the Scheduler's words for a time in epoch seconds."""
    return f"at({datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S})"
