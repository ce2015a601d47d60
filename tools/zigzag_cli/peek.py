"""`zigzag peek`."""

from __future__ import annotations

from typing import Annotated

import typer

import zigzag_operate.peek
from shared.queues import DEFAULT
from zigzag_cli.answer import answer
from zigzag_cli.face import duration
from zigzag_cli.options import Json, Queue, with_target
from zigzag_local.readable import in_a_line
from zigzag_operate import Target
from zigzag_operate.peek import HIDDEN_SECONDS, Peek, Waiting


@with_target
def peek(
    target: Target,
    queue: Queue = DEFAULT,
    payload: Annotated[bool, typer.Option("--payload", help="With the body, which may be private.")] = False,
    as_json: Json = False,
) -> None:
    """Shows 10 of what waits, at most: age, task, id. Each is hidden for 2 s, then given back.

    Each look raises a message's receive count by one, and ends at one that has 30 receives left. Not on FIFO.
    """
    seen = zigzag_operate.peek.peek(target, queue, payload=payload)
    many = len(seen.messages)
    lines = [f"{many:,} of about {max(many, seen.waiting):,} that wait in {queue}"]
    if many:
        lines[0] += f"; given back after {HIDDEN_SECONDS} s"
    lines += [line for one in seen.messages for line in _words(one, seen)]
    answer(seen, as_json, "\n".join(lines))


def _words(one: Waiting, seen: Peek) -> list[str]:
    name = "no task is named" if one.task is None else f"{one.task}  {one.id or ''}".rstrip()
    lines = [f"{duration(one.age_seconds):>7}  {in_a_line(name)}"]
    if one.near_end:
        times = f"received {one.receives:,} of {seen.most_receives:,} times"
        lines.append(f"{'':9}{times}: SQS moves it soon, so don't look again")
    if one.body is not None:
        lines.append(f"{'':9}{in_a_line(one.body)}")
    return lines
