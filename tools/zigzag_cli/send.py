"""`zigzag send`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

import zigzag_operate
from zigzag_cli.answer import answer
from zigzag_cli.many import send_lines
from zigzag_cli.options import Json, with_target
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.send import Sent, SentLater


def _given(payload: str) -> str:
    """Reads the payload from standard input if it is `-`. Raises OperateError if that can't be read."""
    if payload != "-":
        return payload
    if sys.stdin is None:
        raise OperateError("standard input is closed, and has no payload", Kind.BAD_PAYLOAD)
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise OperateError(f"standard input is not UTF-8: {error}", Kind.BAD_PAYLOAD) from error


TaskName = Annotated[str, typer.Argument(help="The task's name, as in `zigzag tasks`.")]
PayloadText = Annotated[str, typer.Argument(help="JSON; `-` reads it from standard input.", callback=_given)]
_Queue = Annotated[str | None, typer.Option(help="A queue's name or URL; without it, the task's own queue.")]
_Group = Annotated[
    str | None, typer.Option(help="The group; a FIFO queue runs the tasks of a group in the order sent.")
]
_DeduplicationId = Annotated[
    str | None, typer.Option(help="FIFO only: SQS drops a second message of this id for five minutes.")
]
_ExpiresAt = Annotated[
    str | None, typer.Option(help="With a zone: received later, it never starts for the first time.")
]
_ReplyTo = Annotated[
    str | None, typer.Option(help="The queue or topic for a reply, one that the parameter ReplyTo names.")
]
_CorrelationId = Annotated[
    str | None, typer.Option(help="By this the reply is known; without it, by the task's id.")
]
_Many = Annotated[
    Path | None, typer.Option(help="A file with a payload in each line: sends the task for each.")
]
_IdField = Annotated[str | None, typer.Option(help="With --many: the payload's field that is the task's id.")]


@with_target
def send(
    target: Target,
    task: TaskName,
    payload: PayloadText = "{}",
    queue: _Queue = None,
    id: Annotated[str | None, typer.Option(help="The task's id; without it, the MessageId.")] = None,
    delay: Annotated[
        int,
        typer.Option(min=0, help="Seconds until it may start; over 900 a schedule sends it. Not on FIFO."),
    ] = 0,
    at: Annotated[
        str | None, typer.Option(help="When it may start, with a zone: 2027-03-01T08:00:00+01:00.")
    ] = None,
    group: _Group = None,
    deduplication_id: _DeduplicationId = None,
    expires_at: _ExpiresAt = None,
    reply_to: _ReplyTo = None,
    correlation_id: _CorrelationId = None,
    many: _Many = None,
    id_field: _IdField = None,
    as_json: Json = False,
) -> None:
    """Sends a task, after checking its payload against the task's model."""
    options: dict[str, Any] = {"queue": queue, "delay_seconds": delay, "group": group}
    alone: dict[str, Any] = {
        "id": id,
        "deduplication_id": deduplication_id,
        "at": _time("--at", at),
        "expires_at": _time("--expires-at", expires_at),
        "reply_to": reply_to,
        "correlation_id": correlation_id,
    }
    if many is not None:
        if payload != "{}" or any(one is not None for one in alone.values()):
            said = "--many takes each payload from its file, an id from --id-field, and no --at or the like"
            raise OperateError(said, Kind.WRONG)
        send_lines(target, task, many, as_json, id_field=id_field, **options)
        return
    sent = zigzag_operate.send(target, task, object_of(payload), **options, **alone)
    _tell(sent, task, id, as_json)


def _tell(sent: Sent | SentLater, task: str, id: str | None, as_json: bool) -> None:
    named = "" if id is None else f" with the id {id}"
    if isinstance(sent, SentLater):
        said = f"{task} with the id {sent.id} will be sent at {sent.at.replace('T', ' ')} UTC"
    else:
        said = f"sent {task}{named}, in the message {sent.message_id}"
    try:
        answer(sent, as_json, said)
    except OperateError as error:  # the message is sent: a retry would send it twice
        print(f"zigzag: {said}; but {error}", file=sys.stderr)


def _time(option: str, text: str | None) -> datetime | None:
    """Returns the time of an option's text. Raises OperateError if it is none, or has no zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        said = (
            f"{option} takes a time with its zone, such as 2027-03-01T08:00:00+01:00 or 2027-03-01T07:00:00Z"
        )
        raise OperateError(f"{said}, not {text!r}", Kind.WRONG)
    return at


def object_of(payload: str) -> dict[str, Any]:
    """Returns the payload of a text. Raises OperateError if it is no JSON object."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise OperateError(f"the payload is not JSON: {error}", Kind.BAD_PAYLOAD) from error
    if not isinstance(value, dict):
        raise OperateError('the payload must be a JSON object, such as {"name": "world"}', Kind.BAD_PAYLOAD)
    return value
