"""`zigzag outputs`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated

import typer

from zigzag_cli.answer import answer
from zigzag_cli.options import Json, with_target
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.outputs import variables


@with_target
def outputs(
    target: Target,
    export: Annotated[
        bool, typer.Option("--export", help='Variables for a shell: eval "$(./zigzag outputs --export)".')
    ] = False,
    as_json: Json = False,
) -> None:
    """Shows the stack's outputs, or with --export the variables that the pages use."""
    if export and as_json:
        raise OperateError("--export is for a shell, --json for a program: leave one out", Kind.WRONG)
    stack = target.stack_as_it_is()
    if export:
        answer({}, False, exported(variables(stack)))
    else:
        answer(stack.outputs, as_json, "\n".join(f"{name}  {value}" for name, value in stack.outputs.items()))


def exported(values: Mapping[str, str]) -> str:
    """Returns the lines by which a shell takes the variables."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())
