"""`zigzag send`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import zigzag_operate
from zigzag_cli.answer import answer
from zigzag_cli.many import send_lines
from zigzag_cli.options import Json, with_target
from zigzag_operate import Kind, OperateError, Target


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
        int, typer.Option(min=0, max=900, help="Seconds until it may start; not on a FIFO queue.")
    ] = 0,
    group: _Group = None,
    deduplication_id: _DeduplicationId = None,
    many: _Many = None,
    id_field: _IdField = None,
    as_json: Json = False,
) -> None:
    """Sends a task, after checking its payload against the task's model."""
    options: dict[str, Any] = {"queue": queue, "delay_seconds": delay, "group": group}
    if many is not None:
        if payload != "{}" or id is not None or deduplication_id is not None:
            said = "--many takes each payload from its file, and an id from --id-field"
            raise OperateError(said, Kind.WRONG)
        send_lines(target, task, many, as_json, id_field=id_field, **options)
        return
    options |= {"id": id, "deduplication_id": deduplication_id}
    sent = zigzag_operate.send(target, task, object_of(payload), **options)
    named = "" if id is None else f" with the id {id}"
    said = f"sent {task}{named}, in the message {sent.message_id}"
    try:
        answer(sent, as_json, said)
    except OperateError as error:  # the message is sent: a retry would send it twice
        print(f"zigzag: {said}; but {error}", file=sys.stderr)


def object_of(payload: str) -> dict[str, Any]:
    """Returns the payload of a text. Raises OperateError if it is no JSON object."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise OperateError(f"the payload is not JSON: {error}", Kind.BAD_PAYLOAD) from error
    if not isinstance(value, dict):
        raise OperateError('the payload must be a JSON object, such as {"name": "world"}', Kind.BAD_PAYLOAD)
    return value
