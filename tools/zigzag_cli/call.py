"""`zigzag call`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import zigzag_operate
from zigzag_cli.answer import answer
from zigzag_cli.options import Json, with_target
from zigzag_cli.send import PayloadText, TaskName, object_of
from zigzag_cli.within import endless
from zigzag_local.readable import CONTROL
from zigzag_operate import Target


@with_target
def call(
    target: Target,
    task: TaskName,
    payload: PayloadText = "{}",
    id: Annotated[str | None, typer.Option(help="The task's id; without it, the invocation's.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Checks payload, permission and function. Nothing runs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Calls a task past the queue, and shows what it returns. It runs at most once."""
    given = object_of(payload)
    endless()  # a task may run as long as WorkerTimeout says, and the call has that limit
    called = zigzag_operate.call(target, task, given, id=id, dry_run=dry_run)
    may = f"{task} takes this payload, and its worker may be called; nothing has run"
    answer(called, as_json, may if dry_run else _shown(called.result))


def _shown(result: object) -> str:
    """Returns the result as JSON, without a character that a terminal would obey."""
    text = json.dumps(result, indent=2, ensure_ascii=False)
    return CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], text)
