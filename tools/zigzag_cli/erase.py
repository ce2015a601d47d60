"""`zigzag erase`."""

from __future__ import annotations

import sys
from textwrap import wrap
from typing import Annotated

import typer

from zigzag_cli.answer import answer
from zigzag_cli.doctor import NOT_KNOWN
from zigzag_cli.options import Json, with_target
from zigzag_cli.redrive import interruptible
from zigzag_cli.within import endless
from zigzag_local.readable import harmless
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.erase import UNREAD, Erased
from zigzag_operate.erase import erase as erase_of
from zigzag_operate.held import Whose

COLUMNS = 80


@with_target
def erase(
    target: Target,
    id: Annotated[str | None, typer.Option(help="What is held of this id: a task's, or a MessageId.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Of payloads like this: customer.mail=ann@example.com.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erases without a question.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Counts, and changes nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Erases what the stack holds of a person: messages, dead letters, records, payloads, schedules.

    All that is given must fit. Exit code 5: not all could be seen; the same command finds the rest later.
    """
    if not (yes or dry_run or sys.stdin.isatty()):
        raise OperateError("nobody can be asked here: add --yes to erase without a question", Kind.WRONG)
    whose = Whose(id, tuple(map(_pair, where or [])), task)
    endless()
    if dry_run or not yes:
        seen = erase_of(target, whose, dry_run=True)
        if dry_run:
            _tell(seen, as_json)
            return
        if not _is_sure(sum(seen.found.values()), target.where()):
            raise OperateError("nothing was erased", Kind.WRONG)
    with interruptible() as stop:
        done = erase_of(target, whose, stop=stop)
    _tell(done, as_json)


def _pair(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not is_given or not name:
        raise OperateError(f"--where is {text!r}: write field=value, such as customer.id=7", Kind.WRONG)
    return name, value


def _is_sure(many: int, where: str) -> bool:
    asked = f"{where}:\nerase these {many:,} for good? Type {many}: "
    print(asked, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == str(many)


def _tell(done: Erased, as_json: bool) -> None:
    """Prints it. Raises OperateError if it was stopped, and ends with 5 if something may be left."""
    answer(done, as_json, "\n".join(_words(done)))
    if done.stopped:
        raise OperateError("interrupted: it did not go on; the same command does")
    if done.left:
        raise typer.Exit(NOT_KNOWN)


def _words(done: Erased) -> list[str]:
    head = "would erase; nothing was changed" if done.dry_run else "erased"
    lines = [head, *(f"  {store:<20}{many:>9,}" for store, many in done.found.items())]
    for reason, many in done.left.items():
        later = "" if reason == UNREAD else " The same command later finds what is left."
        lines += ["", *wrap(harmless(f"{many:,} {reason}.{later}"), COLUMNS)]
    if done.logs:
        said = "Logs are not touched. A line has the task, the id and the reason of a failure, and what your "
        lines += ["", *wrap(f"{said}tasks print:", COLUMNS)]
    for group, days in done.logs.items():
        lines.append(f"  {harmless(group)}" + (f"  each for {days:,} days" if days else ""))
    return lines
