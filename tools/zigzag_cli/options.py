"""Options that several commands have: the stack's, the queue, JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer

from zigzag_cli.within import bounded
from zigzag_operate import find

Queue = Annotated[str, typer.Argument(help="The queue's name, as in `zigzag queues`.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]

_PANEL = "Which stack"
_WHICH = {
    "stack": Annotated[
        str | None, typer.Option(help="The stack's name, if not samconfig.toml's.", rich_help_panel=_PANEL)
    ],
    "local": Annotated[bool, typer.Option("--local", help="The one of `make up`.", rich_help_panel=_PANEL)],
    "profile": Annotated[str | None, typer.Option(help="AWS profile.", rich_help_panel=_PANEL)],
    "region": Annotated[str | None, typer.Option(help="AWS region.", rich_help_panel=_PANEL)],
    "endpoint_url": Annotated[
        str | None,
        typer.Option(help="Another AWS, such as http://127.0.0.1:4566.", rich_help_panel=_PANEL),
    ],
}


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that name a stack, in place of its parameter `target`."""
    hints = get_type_hints(command, include_extras=True)
    own = [
        one.replace(annotation=hints[name], kind=Parameter.KEYWORD_ONLY)
        for name, one in signature(command).parameters.items()
        if name != "target"
    ]
    which = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False if name == "local" else None, annotation=hint)
        for name, hint in _WHICH.items()
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in _WHICH}
        with bounded():
            command(target=find(**chosen), **given)

    shown = [*own, *which]
    with_options.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in shown}
    return with_options
