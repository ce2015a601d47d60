"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Queue = Annotated[str, typer.Argument(help="The queue's name; a stack has one, `default`.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
