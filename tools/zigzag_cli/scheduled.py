"""`zigzag scheduled` and `zigzag cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

import zigzag_operate
from zigzag_cli.answer import answer
from zigzag_cli.options import Json, with_target
from zigzag_local.readable import in_a_line
from zigzag_operate import Target
from zigzag_operate.scheduled import MAX_SHOWN, ScheduledTask


@with_target
def scheduled(
    target: Target,
    task: Annotated[str | None, typer.Option(help="Only those of this task that send has made.")] = None,
    most: Annotated[int, typer.Option(min=1, max=MAX_SHOWN, help="Shows so many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Shows which tasks are sent later, once or again and again: when, task, id."""
    found = zigzag_operate.scheduled(target, task, most)
    lines = [_words(one) for one in found.tasks] or ["nothing is scheduled"]
    if found.more:
        more = f"--most {MAX_SHOWN} shows {MAX_SHOWN}, --task NAME those of one task"
        lines.append(f"and more, also earlier ones: {more}")
    answer(found, as_json, "\n".join(lines))


@with_target
def cancel(
    target: Target,
    task: Annotated[str, typer.Argument(help="The task's name, as in `zigzag scheduled`.")],
    id: Annotated[str, typer.Argument(help="The task's id.")],
    as_json: Json = False,
) -> None:
    """Cancels a task that is scheduled, and was not sent yet."""
    done = zigzag_operate.cancel(target, task, id)
    answer(done, as_json, f"{in_a_line(task)} with the id {in_a_line(id)} is cancelled: it will not be sent")


def _words(one: ScheduledTask) -> str:
    """Returns a line for a terminal of any width, the task and the id whole."""
    at = f"{one.at.replace('T', ' ')} UTC" if one.at[:1].isdigit() else one.at
    if one.task is None:
        return f"{in_a_line(at)}  names no task: {in_a_line(one.schedule)}"
    return f"{in_a_line(at)}  {in_a_line(one.task)}  {in_a_line(one.id or '')}"
