"""`zigzag dead-letters`, and its command `show`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from textwrap import wrap
from time import time
from typing import Annotated, Any

import typer
from rich.console import Group as Lines
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

import zigzag_operate
from zigzag_cli.answer import EXIT_CODES, answer
from zigzag_cli.options import Json, with_target
from zigzag_local.readable import folded, harmless
from zigzag_operate import Kind, Letter, OperateError, Target
from zigzag_operate.dead_letters import MAX_SHOWN, DeadLetters, Filter, Group
from zigzag_operate.looking import HIDDEN_SECONDS, LOOK_SECONDS, Look

LIST, COLUMNS = "list", 80
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}


class _ListByDefault(TyperGroup):
    """Takes `dead-letters 7c1e` for `dead-letters list 7c1e`: no group's name is that of a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else [LIST, *args])


app = typer.Typer(
    cls=_ListByDefault, help="Shows the dead letters by their reasons; changes nothing.", epilog=EXIT_CODES
)

_Groups = Annotated[
    list[str] | None, typer.Argument(help="Names of groups: 4 hex digits.", show_default=False)
]
_Task = Annotated[str | None, typer.Option(help="Only those of this task.")]
_Reason = Annotated[str | None, typer.Option(help="Only those with this text in the reason.")]
_Id = Annotated[str | None, typer.Option(help="Only those of this task's id, or MessageId.")]
_Since = Annotated[str | None, typer.Option(help="Died since: 90s, 30min, 6h, 2d ago, or a time in UTC.")]
_Until = Annotated[str | None, typer.Option(help="Died until then; written as --since.")]


@app.command(LIST, epilog=EXIT_CODES)
@with_target
def dead_letters(
    target: Target,
    groups: _Groups = None,
    task: _Task = None,
    reason: _Reason = None,
    id: _Id = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Looks until so many match.")] = None,
    as_json: Json = False,
) -> None:
    """Shows how many there are of each reason, of which tasks, since when. All filters must fit."""
    now = time()
    which = _filter(groups, task, reason, id, since, until, now)
    found = zigzag_operate.dead_letters(target, which, limit)
    answer(found, as_json, _shown(found, now))


@app.command(epilog=EXIT_CODES)
@with_target
def show(
    target: Target,
    groups: _Groups = None,
    task: _Task = None,
    reason: _Reason = None,
    id: _Id = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_SHOWN, help="Shows so many at most.")] = 10,
    payload: Annotated[bool, typer.Option("--payload", help="With the body, which may be private.")] = False,
    as_json: Json = False,
) -> None:
    """Shows letters of a group, or those that fit the filters, the newest first."""
    now = time()
    which = _filter(groups, task, reason, id, since, until, now)
    if which == Filter():
        raise OperateError("name a group, as `./zigzag dead-letters` shows them, or a filter", Kind.WRONG)
    found = zigzag_operate.show(target, which, limit, payload=payload)
    shown = len(found.letters)
    of_all = _letters(shown) if shown == found.matched else f"{shown:,} of {_letters(found.matched)}"
    lines = [f"{of_all}, the newest first", ""]
    for letter in found.letters:
        lines += [*_letter(letter, now), ""]
    answer(found, as_json, "\n".join(lines + _notes(found.look)).rstrip())


def _filter(
    groups: list[str] | None,
    task: str | None,
    reason: str | None,
    id: str | None,
    since: str | None,
    until: str | None,
    now: float,
) -> Filter:
    """Returns the filter of the options. Raises OperateError for a text that can't be understood."""
    for one in groups or ():
        if not re.fullmatch("[0-9a-f]{4}", one):
            raise OperateError(f"{one!r} is no group: its name has 4 hex digits, such as 7c1e", Kind.WRONG)
    times = (None if text is None else _at(text, now) for text in (since, until))
    return Filter(tuple(groups or ()), task, reason, id, *times)


def _at(text: str, now: float) -> float:
    """Returns the time of a text like 90s or 2026-11-28T14:00, in epoch seconds. Raises OperateError."""
    if found := re.fullmatch(r"(\d{1,9})(s|min|m|h|d)", text):
        return now - int(found[1]) * _SECONDS[found[2]]
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        said = f"{text!r} is no time: write 90s, 30min, 6h or 2d ago, or 2026-11-28T14:00 in UTC"
        raise OperateError(said, Kind.WRONG) from error


def _shown(found: DeadLetters, now: float) -> Lines:
    many, seen = found.look.seen, _letters(found.matched)
    of_all = seen if found.matched == many else f"{found.matched:,} of {_letters(many)}"
    in_groups = f" in {len(found.groups):,} group{'' if len(found.groups) == 1 else 's'}"
    head = f"{of_all}{in_groups if found.groups else ''} · read in {found.look.seconds:.1f} s"
    more = [f"and {_letters(found.more)} of other groups: name a --task or a --reason"] if found.more else []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("group", no_wrap=True)
    table.add_column("n", no_wrap=True, justify="right")
    table.add_column("task", overflow="fold", max_width=24)
    table.add_column("reason", overflow="fold", ratio=1)
    for name in ("last", "first"):
        table.add_column(name, no_wrap=True, justify="right")
    for group in found.groups:
        ages = _age(now - group.last), _age(now - group.first)
        table.add_row(group.group, f"{group.letters:,}", _tasks(group), Text(_in_a_line(group.reason)), *ages)
    return Lines(head, *([table] if found.groups else []), *more, *_notes(found.look))


def _tasks(group: Group) -> Text:
    """Returns the names of the tasks that have most of the letters."""
    names = [name or "unknown" for name in sorted(group.tasks, key=lambda name: -group.tasks[name])]
    rest = f", {len(names) - 3:,} more" if len(names) > 3 else ""
    return Text(_in_a_line(", ".join(names[:3]) + rest))


def _notes(look: Look) -> list[str]:
    """Returns what a reader must know who takes the answer for all there is."""
    said, of_about, missing = [], f"saw {look.seen:,} of about {look.about:,}", look.about - look.seen
    if look.ended == "time":
        said.append(f"{of_about}: its {LOOK_SECONDS} s were over, and a script may take longer")
    elif look.ended == "enough":
        said.append(f"{of_about}: so many match that it did not look further")
    elif look.fifo:
        said.append(f"{of_about}: of a FIFO queue, a look sees the first ones of each group only")
    elif missing > 0:
        are = f"{missing:,} {'is' if missing == 1 else 'are'} hidden"
        said.append(f"{of_about}: {are}, by a look or redrive under way")
    if look.not_given_back:
        many = f"{_letters(look.not_given_back)} stay hidden for {HIDDEN_SECONDS} s"
        said.append(harmless(f"{many}, as they can't be given back: {look.why}"))
    return [line for one in said for line in wrap(one, COLUMNS)]


def _letter(letter: Letter, now: float) -> list[str]:
    """Returns a letter in lines for a terminal of any width."""
    died = f"{datetime.fromtimestamp(letter.died, UTC):%Y-%m-%d %H:%M:%S} UTC, {_age(now - letter.died)} ago"
    said = {
        "died": died,
        "group": letter.group,
        "attempts": "unknown" if letter.attempts is None else f"{letter.attempts:,}",
        "reason": letter.reason,
        "error": letter.error,
        "message": letter.message_id,
        "payload": letter.body,
    }
    head = f"{letter.task or 'unknown task'}  {letter.id or ''}".rstrip()
    lines = [f"  {name:<9} {_in_a_line(value)}" for name, value in said.items() if value is not None]
    traceback = folded(letter.traceback or "")
    return [_in_a_line(head), *lines, *(f"    {_in_a_line(line)}" for line in traceback)]


def _letters(many: int) -> str:
    return f"{many:,} dead letter{'' if many == 1 else 's'}" if many else "no dead letters"


def _in_a_line(text: str) -> str:
    """Returns the text with control characters, tabs and line breaks as escapes."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def _age(seconds: float) -> str:
    """Returns an age in one unit, such as 12 s, 17 m, 3 h or 2 d."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
