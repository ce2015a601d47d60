"""`zigzag dead-letters`, and its command `show`; `redrive`, `drop` and `edit` have files of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from time import time
from typing import Annotated, Any

import typer
from rich.console import Group as Lines
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

import zigzag_operate
from zigzag_cli.answer import EXIT_CODES, answer
from zigzag_cli.edit import edit
from zigzag_cli.filters import with_filter
from zigzag_cli.options import Json, of_this_stack, with_target
from zigzag_cli.redrive import drop, letters, notes, redrive
from zigzag_local.readable import folded, in_a_line
from zigzag_operate import Kind, Letter, OperateError, Target
from zigzag_operate.dead_letters import FIRST, MAX_SHOWN, DeadLetters, Filter, Group
from zigzag_operate.who import short
from zigzag_operate.words import many as many_of

LIST = "list"
_MAX_TOLD = 3


class _ListByDefault(TyperGroup):
    """Takes `dead-letters 7c1e93aa` for `… list 7c1e93aa`: no group's name is that of a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else [LIST, *args])


app = typer.Typer(
    cls=_ListByDefault,
    help="Shows the dead letters by their reasons, and deals with them.",
    epilog=EXIT_CODES,
)
for command in (redrive, drop, edit):
    app.command(epilog=EXIT_CODES)(command)


@app.command(LIST, epilog=EXIT_CODES)
@with_target
@with_filter
def dead_letters(
    target: Target,
    which: Filter,
    limit: Annotated[int | None, typer.Option(min=1, help="Looks until so many match.")] = None,
    as_json: Json = False,
) -> None:
    """Shows how many there are of each reason, of which tasks, since when. All filters must fit."""
    found = zigzag_operate.dead_letters(target, which, limit, tell=(lambda _: None) if as_json else _tell)
    answer(found, as_json, _shown(found, time()))


@app.command(epilog=EXIT_CODES)
@with_target
@with_filter
def show(
    target: Target,
    which: Filter,
    limit: Annotated[int, typer.Option(min=1, max=MAX_SHOWN, help="Shows so many at most.")] = 10,
    payload: Annotated[bool, typer.Option("--payload", help="With the body, which may be private.")] = False,
    as_json: Json = False,
) -> None:
    """Shows letters of a group, or those that fit the filters, the newest first."""
    if which == Filter():
        raise OperateError("name a group, as `./zigzag dead-letters` shows them, or a filter", Kind.WRONG)
    found = zigzag_operate.show(target, which, limit, payload=payload)
    now, shown = time(), len(found.letters)
    of_all = letters(shown) if shown == found.matched else f"{shown:,} of {letters(found.matched)}"
    lines = [f"{of_all}, the newest first", ""]
    for letter in found.letters:
        lines += [*_letter(letter, now), ""]
    answer(found, as_json, "\n".join(lines + notes(found.look)).rstrip())


def _tell(groups: list[Group]) -> None:
    """Tells the groups of the first letters, while a look at many goes on."""
    few = [f"{one.letters} in {one.group} ({_tasks(one)})" for one in groups[:_MAX_TOLD]]
    more = f", and {len(groups) - _MAX_TOLD} groups more" if len(groups) > _MAX_TOLD else ""
    print(f"zigzag: of the first {FIRST}: {', '.join(few)}{more}; reading on …", file=sys.stderr)


def _shown(found: DeadLetters, now: float) -> Lines:
    many, seen = found.look.seen, letters(found.matched)
    of_all = seen if found.matched == many else f"{found.matched:,} of {letters(many)}"
    in_groups = f" in {many_of(len(found.groups), 'group')}"
    head = f"{of_all}{in_groups if found.groups else ''} · read in {found.look.seconds:.1f} s"
    more = [f"and {letters(found.more)} of other groups: name a --task or a --reason"] if found.more else []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("group", no_wrap=True)
    table.add_column("n", no_wrap=True, justify="right")
    table.add_column("task", overflow="fold", max_width=24)
    table.add_column("reason", overflow="fold", ratio=1)
    for name in ("last", "first"):
        table.add_column(name, no_wrap=True, justify="right")
    for group in found.groups:
        ages = _age(now - group.last), _age(now - group.first)
        table.add_row(group.group, f"{group.letters:,}", _tasks(group), Text(in_a_line(group.reason)), *ages)
    return Lines(head, *([table] if found.groups else []), *more, *notes(found.look), *_next(found.groups))


def _next(groups: list[Group]) -> Iterator[Text]:
    """Yields what to type about the first group."""
    for one in groups[:1]:
        yield Text(f"\nTo see the newest of {one.group}, and then, with a mend deployed, a redrive:")
        for command in ("show {}", "redrive {} --dry-run"):
            typed = of_this_stack(f"./zigzag dead-letters {command.format(one.group)}")
            yield Text(f"  {typed}", no_wrap=True, overflow="ignore")


def _tasks(group: Group) -> Text:
    """Returns the names of the tasks that have most of the letters."""
    names = [name or "unknown" for name in sorted(group.tasks, key=lambda name: -group.tasks[name])]
    rest = f", {len(names) - 3:,} more" if len(names) > 3 else ""
    return Text(in_a_line(", ".join(names[:3]) + rest))


def _letter(letter: Letter, now: float) -> list[str]:
    """Returns a letter in lines for a terminal of any width."""
    died = f"{datetime.fromtimestamp(letter.died, UTC):%Y-%m-%d %H:%M:%S} UTC, {_age(now - letter.died)} ago"
    said = {
        "died": died,
        "group": letter.group,
        "attempts": "unknown" if letter.attempts is None else f"{letter.attempts:,}",
        "reason": letter.reason,
        "error": letter.error,
        "repair": None if letter.repair is None else f"{letter.repair}, sent before it came here",
        "redriven": None if letter.by is None else f"by {short(letter.by)}",
        "message": letter.message_id,
        "payload": letter.body,
    }
    head = f"{letter.task or 'unknown task'}  {letter.id or ''}".rstrip()
    lines = [f"  {name:<9} {in_a_line(value)}" for name, value in said.items() if value is not None]
    traceback = folded(letter.traceback or "")
    return [in_a_line(head), *lines, *(f"    {in_a_line(line)}" for line in traceback)]


def _age(seconds: float) -> str:
    """Returns an age in one unit, such as 12 s, 17 m, 3 h or 2 d."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
