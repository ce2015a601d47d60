"""`zigzag doctor`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from zigzag_cli.answer import answer
from zigzag_cli.face import typed
from zigzag_cli.options import Json, of_this_stack, with_target
from zigzag_local.readable import harmless
from zigzag_local.stack import parameters
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.doctor import Finding, Report, examine_stack, examine_template
from zigzag_operate.target import PROJECT

WIDTH = 80
WRONG, NOT_KNOWN = 4, 5
"""The exit codes: something is wrong; nothing is, but not all could be looked at."""

AS_DEPLOYED = (
    "A change without a command is the template's: make it there, and type: sam build && sam deploy. If the "
    "template has it already, somebody changed the stack: take it back there, as a deployment does not."
)


@with_target
def doctor(
    target: Target,
    template: Annotated[
        Path | None, typer.Option(help="A template, if not the project's.", show_default=False)
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(help="Name=value, over samconfig.toml's. May be repeated.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="The deployed stack, and not a template.")] = False,
    as_json: Json = False,
) -> None:
    """Looks for what breaks a promise: in the template before a deployment, or with --live in the stack.

    Exit code 4: something is wrong. 5: nothing that was seen, but not all could be looked at.
    """
    if live and (template or parameter):
        raise OperateError("--live judges the stack: it takes no --template and no --parameter", Kind.WRONG)
    report = examine_stack(target) if live else _before(template, parameter or [])
    what = f"the stack {target.stack}" if live else str(template or "template.yaml")
    answer(report, as_json, "\n".join(_words(report, what, live)))
    if report.findings or report.unknown:
        raise typer.Exit(WRONG if report.findings else NOT_KNOWN)


def _before(template: Path | None, given: list[str]) -> Report:
    file = template or PROJECT / "template.yaml"
    named = configured(file.parent, "default") | dict(map(_pair, given))
    return examine_template(file, named, tasks=file.parent.resolve() == PROJECT)


def configured(folder: Path, config: str) -> dict[str, str]:
    """Returns the parameters of samconfig.toml, if it is there."""
    return parameters(folder, config) if (folder / "samconfig.toml").exists() else {}


def _pair(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not is_given:
        raise OperateError(f"--parameter is {text!r}: write Name=value", Kind.WRONG)
    return name, value


def _words(report: Report, what: str, live: bool) -> Iterator[str]:
    found, unknown = len(report.findings), len(report.unknown)
    yield f"{what}: {_count(found, 'finding')}" + (f", {unknown} unknown" if unknown else "") + "."
    same: dict[tuple[str, ...], list[Finding]] = {}
    for one in report.findings:
        same.setdefault((one.hazard, one.wrong, one.change, one.type or ""), []).append(one)
    for alike in same.values():
        yield ""
        yield from _finding(alike)
    if live and any(one.type is None for one in report.findings):
        yield ""
        yield from wrapped(AS_DEPLOYED, "", "")
    if report.unknown:
        yield "\nunknown, and not judged:"
        for lacking in report.unknown:
            yield from wrapped(f"{lacking.at}: needs {lacking.needs}", "  ", "    ")
    for wanted in report.advice:
        yield ""
        yield from wrapped(f"by the way: {wanted.said}", "", "  ")
        yield from wrapped(f"→ {wanted.change}", "  ", "    ")


def _finding(alike: list[Finding]) -> Iterator[str]:
    """Yields the lines of what is wrong with some resources in the same way."""
    one = alike[0]
    lines = sorted({str(each.line) for each in alike if each.line})
    where = f", line {' and '.join(lines)}" if lines else ""
    names = ", ".join(dict.fromkeys(_name(each.at) for each in alike))
    yield from wrapped(f"{one.hazard:<5} {names}{where}", "  ", "        ")
    yield from wrapped(f"{one.wrong}.", "        ", "        ")
    yield from wrapped(f"→ {one.change}", "        ", "          ")
    if one.type is not None:
        yield from (f"        {line}" for line in typed(of_this_stack(one.type), WIDTH - 8))


def _name(at: str) -> str:
    return at if at.startswith(("Outputs.", "Rules.")) else at.partition(".")[0]


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Returns the lines of a text, as wide as the terminal and 80 columns at most."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    return wrap(harmless(text), width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _count(number: int, what: str) -> str:
    return f"no {what}" if not number else f"1 {what}" if number == 1 else f"{number} {what}s"
