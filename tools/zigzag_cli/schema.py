"""`zigzag schema`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from zigzag_cli.answer import SOMETHING_IS_WRONG, answer
from zigzag_cli.options import Json
from zigzag_local.readable import harmless
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.saved import FILE, KEPT_DAYS, Change, check, save
from zigzag_operate.schema import schema as schema_of


def schema(
    task: Annotated[str | None, typer.Argument(help="The task's name; without it, all tasks.")] = None,
    saves: Annotated[
        bool, typer.Option("--save", help=f"Writes examples of all tasks' messages to {FILE}.")
    ] = False,
    checks: Annotated[
        bool,
        typer.Option(
            "--check", help=f"Names the changes of models that break messages like those of {FILE}."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Shows the JSON Schema of a task's messages, for producers in other languages. Or says which changes of
    models since the last deploys break messages that may still come."""
    if saves + checks + (task is not None) > 1:
        raise OperateError("give a task, --save, or --check", Kind.WRONG)
    if saves:
        counts = save()
        answer(counts, as_json, f"{sum(counts.values()):,} example messages are in {FILE}")
    elif checks:
        _tell(check(), as_json)
    else:
        found = schema_of(task)
        answer(found, as_json, json.dumps(found, indent=2))


def _tell(changes: list[Change], as_json: bool) -> None:
    broken = sorted({change.task for change in changes if change.breaks})
    verdict = f"Messages break that may come for {KEPT_DAYS} days from the last deploy: {', '.join(broken)}"
    lines = [*map(_words, changes), verdict if broken else "No message breaks."]
    answer(changes, as_json, "\n".join(lines))
    if broken:
        raise typer.Exit(SOMETHING_IS_WRONG)


def _words(change: Change) -> str:
    do = f"\n  {change.do}" if change.do else ""
    return f"{change.task}: {harmless(change.says)} ({change.examples} of its examples){do}"
