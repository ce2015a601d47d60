"""`zigzag schema`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from zigzag_cli.answer import answer
from zigzag_cli.options import Json
from zigzag_operate.schema import schema as schema_of


def schema(
    task: Annotated[str | None, typer.Argument(help="The task's name; without it, all tasks.")] = None,
    as_json: Json = False,
) -> None:
    """Shows the JSON Schema of a task's messages, for producers in other languages."""
    found = schema_of(task)
    answer(found, as_json, json.dumps(found, indent=2))
