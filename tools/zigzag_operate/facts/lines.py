"""The log lines of the last 15 minutes, read in pieces at the same time: ticks of the consumer, deliveries of
the worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from shared.queues import DEFAULT, TaskQueue
from zigzag_operate.causes import is_gone
from zigzag_operate.errors import OperateError

ACTION = "logs:FilterLogEvents"
PIECES = 15, 10, 6, 3, 1
"""Minutes ago when the pieces of deliveries begin: the newest is the shortest, as it tells what is wrong now.
A page has up to 1 MB, some 3,000 deliveries, and two are read of each piece
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html)."""

SECONDS = 60 * PIECES[0]
_LATER_MS = 60_000
"""For lines whose clock is ahead."""


class Line(NamedTuple):
    """A line of JSON, and when it was written, in epoch seconds."""

    at: float
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a log group: its lines with this `message`, from one time to another in milliseconds."""

    group: str
    message: str
    start: int
    end: int
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of a piece. `rest` is what was not read of it, or None."""

    lines: list[Line]
    rest: Piece | None


def pieces(group: str, message: str, now: float, ago: Sequence[int] = PIECES) -> list[Piece]:
    """Returns the pieces of the last 15 minutes, one after the other, which begin so many minutes ago."""
    end = int(now * 1000)
    begins = [end - minutes * 60_000 for minutes in ago]
    ends = [begin - 1 for begin in begins[1:]] + [end + _LATER_MS]
    return [Piece(group, message, *times) for times in zip(begins, ends, strict=True)]


def reader(logs: Any, piece: Piece) -> Callable[[], Page]:
    """Returns the call that reads a page of a piece. It raises what boto3 raises, and OperateError if the log
    group is gone."""

    def read() -> Page:
        token = {} if piece.token is None else {"nextToken": piece.token}
        try:
            answer = logs.filter_log_events(
                logGroupName=piece.group,
                startTime=piece.start,
                endTime=piece.end,
                filterPattern=f'{{ $.message = "{piece.message}" }}',
                **token,
            )
        except ClientError as error:
            if not is_gone(error):
                raise
            raise OperateError(gone(piece.group)) from error
        rest = answer.get("nextToken")
        after = None if rest is None else Piece(piece.group, piece.message, piece.start, piece.end, rest)
        return Page(list(_lines(answer["events"], piece.message)), after)

    return read


def is_of(line: Line, queue: TaskQueue) -> bool:
    """Returns whether a line of a delivery is of this queue: it has the queue's name, with `Metrics` SQS's
    name of it, or none if the queue is the first."""
    return line.fields.get("queue", DEFAULT) in (queue.name, queue.url.rpartition("/")[2])


def gone(group: str) -> str:
    """Returns the sentence for a log group that is not there."""
    return f"the log group {group} is gone: deploy the stack again, or make it by hand"


def fields_of(text: str) -> dict[str, Any] | None:
    """Returns the fields of a line, or None if it is no line of JSON."""
    try:
        fields = json.loads(text, parse_constant=lambda constant: None)  # NaN is no JSON
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _lines(events: Iterable[Mapping[str, Any]], message: str) -> Iterable[Line]:
    """Yields the lines that are meant. An emulator may know no pattern, and bring all."""
    for event in events:
        fields = fields_of(event["message"])
        if fields is not None and fields.get("message") == message:
            yield Line(event["timestamp"] / 1000, fields)
