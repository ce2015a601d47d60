"""Options that several commands have: the stack's, the queue, JSON."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer

from zigzag_cli.within import bounded
from zigzag_operate import find
from zigzag_operate.target import place_of_samconfig

Queue = Annotated[str, typer.Argument(help="The queue's name, as in `zigzag queues`.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]

_PANEL = "Which stack"
_WHICH: Mapping[str, tuple[Any, Any]] = {
    "stack": (
        Annotated[
            str | None,
            typer.Option(help="The stack's name, if not samconfig.toml's.", rich_help_panel=_PANEL),
        ],
        None,
    ),
    "local": (
        Annotated[bool, typer.Option("--local", help="The one of `make up`.", rich_help_panel=_PANEL)],
        False,
    ),
    "profile": (Annotated[str | None, typer.Option(help="AWS profile.", rich_help_panel=_PANEL)], None),
    "region": (Annotated[str | None, typer.Option(help="AWS region.", rich_help_panel=_PANEL)], None),
    "endpoint_url": (
        Annotated[
            str | None,
            typer.Option(help="Another AWS, such as http://127.0.0.1:4566.", rich_help_panel=_PANEL),
        ],
        None,
    ),
}


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that name a stack, in place of its parameter `target`."""

    def run(chosen: dict[str, Any], given: dict[str, Any]) -> None:
        _chosen.clear()
        _chosen.update(chosen)
        with bounded():
            command(target=find(**chosen), **given)

    return in_place_of(command, "target", _WHICH, run, last=True)


_chosen: dict[str, Any] = {}
"""The options that name this command's stack."""


def of_this_stack(command: str) -> str:
    """Returns the command with the options by which this one has found its stack.

    A command of `aws` names its resource, and takes the local AWS from the shell's variables, which
    `eval "$(./zigzag local variables)"` sets. Of samconfig.toml it knows nothing.
    """
    is_ours, chosen = command.startswith("./zigzag"), {name: one for name, one in _chosen.items() if one}
    if not is_ours:
        chosen = place_of_samconfig(**{name: chosen[name] for name in chosen if name != "stack"}) | chosen
    for name, value in chosen.items():
        if is_ours or name not in ("stack", "local"):
            command += f" --{name.replace('_', '-')}" + ("" if value is True else f" {shlex.quote(value)}")
    return command


def in_place_of(
    command: Callable[..., None],
    name: str,
    options: Mapping[str, tuple[Any, Any]],
    run: Callable[[dict[str, Any], dict[str, Any]], None],
    *,
    last: bool = False,
) -> Callable[..., None]:
    """Returns the command with options in place of its parameter of that name.

    options -- by name, the annotation and the default of each.
    run     -- calls the command, with these options' values and all others'.
    last    -- whether they come behind the command's own in its help.
    """
    hints = get_type_hints(command, include_extras=True)
    own = [
        one.replace(annotation=hints[key], kind=Parameter.KEYWORD_ONLY)
        for key, one in signature(command).parameters.items()
        if key != name
    ]
    new = [
        Parameter(key, Parameter.KEYWORD_ONLY, default=default, annotation=hint)
        for key, (hint, default) in options.items()
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        run({key: given.pop(key) for key in options}, given)

    shown = [*own, *new] if last else [*new, *own]
    with_options.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in shown}
    return with_options
