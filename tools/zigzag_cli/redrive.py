"""`zigzag dead-letters redrive` and `drop`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from threading import Event
from typing import Annotated, Any

import typer

import zigzag_operate
from zigzag_cli.answer import answer
from zigzag_cli.doctor import NOT_KNOWN
from zigzag_cli.filters import with_filter, words
from zigzag_cli.limits import every_of
from zigzag_cli.options import Json, with_target
from zigzag_cli.within import endless
from zigzag_local.readable import harmless
from zigzag_operate import Acted, Chosen, Filter, Kind, OperateError, Target
from zigzag_operate.looking import HIDDEN_SECONDS, LOOK_SECONDS, Look
from zigzag_operate.words import many as many_of

COLUMNS = 80

_All = Annotated[bool, typer.Option("--all", help="All of them, if no filter is given.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Tells what would be done, and changes nothing.")]
_Limit = Annotated[int | None, typer.Option(min=1, help="So many at most.")]
_Save = Annotated[
    Path | None, typer.Option(help="First writes each letter to the end of this file, as a line of JSON.")
]


@with_target
@with_filter
def redrive(
    target: Target,
    which: Filter,
    all: _All = False,
    rate: Annotated[str | None, typer.Option(help="So many at most: 5/s, 30/min, 100/h.")] = None,
    queue: Annotated[str | None, typer.Option(help="To this queue, if it is unknown of which one.")] = None,
    limit: _Limit = None,
    save: _Save = None,
    dry_run: _DryRun = False,
    as_json: Json = False,
) -> None:
    """Sends letters back to their queues. Each runs to success once, also if this is killed and repeated.

    On a FIFO queue it works from the head of each group, to whose end a message goes back.
    """
    _check(which, all)
    every = None if rate is None else every_of(rate)
    if dry_run:
        found = zigzag_operate.would_redrive(target, which, queue=queue, limit=limit)
        takes = f" At --rate {rate} that takes {_time(found.matched * every)}." if every else ""
        answer(_told(found), as_json, _would("redrive", found, which, takes))
        return
    endless()
    with interruptible() as stop:
        acted = zigzag_operate.redrive(
            target, which, queue=queue, every=every or 0.0, limit=limit, save=save, stop=stop
        )
    _tell(acted, which, "redrove", as_json)


@with_target
@with_filter
def drop(
    target: Target,
    which: Filter,
    all: _All = False,
    limit: _Limit = None,
    save: _Save = None,
    yes: Annotated[bool, typer.Option("--yes", help="Drops without a question.")] = False,
    dry_run: _DryRun = False,
    as_json: Json = False,
) -> None:
    """Deletes letters for good: those that it has counted, and none that comes later."""
    _check(which, all)
    if not (yes or dry_run or sys.stdin.isatty()):
        raise OperateError("nobody can be asked here: add --yes to drop without a question", Kind.WRONG)
    chosen = zigzag_operate.choose(target, which, limit)
    if dry_run:
        answer(_told(chosen), as_json, _would("drop", chosen, which))
        return
    endless()
    if not yes and not _is_sure(chosen, which, target.where()):
        raise OperateError("nothing was dropped", Kind.WRONG)
    with interruptible() as stop:
        acted = zigzag_operate.drop(target, chosen, save=save, stop=stop)
    _tell(acted, which, "dropped", as_json, chosen.look)


def letters(number: int) -> str:
    return many_of(number, "dead letter") if number else "no dead letters"


def notes(look: Look) -> list[str]:
    """Returns what a reader must know who takes the answer for all there is."""
    said, of_about = [], f"saw {look.seen:,} of about {look.about:,}"
    if look.ended == "time":
        said.append(f"{of_about}: its {LOOK_SECONDS} s were over, and a script may take longer")
    elif look.ended == "enough":
        said.append(f"{of_about}: so many match that it did not look further")
    elif look.fifo:
        said.append(f"{of_about}: of a FIFO queue, a look sees the first ones of each group only")
    elif look.hidden:
        are = f"{look.hidden:,} {'is' if look.hidden == 1 else 'are'} hidden"
        said.append(f"{of_about}: {are}, by a look or redrive under way")
    if look.not_given_back:
        many = f"{letters(look.not_given_back)} stay hidden for {HIDDEN_SECONDS} s"
        said.append(harmless(f"{many}, as they can't be given back: {look.why}"))
    return [line for one in said for line in wrap(one, COLUMNS)]


def _check(which: Filter, all: bool) -> None:
    if all == (which != Filter()):
        said = "--all and a filter are both there" if all else "no filter is there"
        raise OperateError(f"{said}: name a group or another filter, or take --all", Kind.WRONG)


def _is_sure(chosen: Chosen, which: Filter, where: str) -> bool:
    many = chosen.matched
    asked = f"{where}:\ndrop {letters(many)}{_meant(which)} for good? Type {many}: "
    print(asked, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == str(many)


@contextmanager
def interruptible() -> Iterator[Event]:
    """Yields what is set by ^C: the batch under way is finished. A second ^C ends at once."""
    stop = Event()

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print("zigzag: finishing the batch …", file=sys.stderr)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _would(what: str, found: Chosen, which: Filter, takes: str = "") -> str:
    said = (
        f"would {what} {_of_all(found.matched, found.look.seen)}{_meant(which)}; nothing was changed.{takes}"
    )
    return "\n".join([*_wrapped(said), *_stay(found.left, "would stay"), *notes(found.look)])


def _told(found: Chosen) -> dict[str, Any]:
    return {"look": found.look, "matched": found.matched, "left": found.left}


def _tell(acted: Acted, which: Filter, did: str, as_json: bool, counted: Look | None = None) -> None:
    """Prints what was done. Raises OperateError if letters stay that were meant, and Exit if some may be
    meant that others hold.

    counted -- the look that has chosen them, if there was one.
    """
    look, left = acted.look, sum(acted.left.values())
    said = f"{did} {_of_all(acted.done, acted.matched)}{_meant(which)} in {look.seconds:.1f} s"
    lines = [*_wrapped(said), *_stay(acted.left)]
    if acted.later:
        lines += _wrapped(f"{letters(acted.later)} came meanwhile: not touched")
    if look.ended == "all" or look.not_given_back:
        lines += notes(look)
    answer(acted, as_json, "\n".join(lines))
    if acted.stopped is not None:
        raise OperateError(f"{acted.stopped}: it did not go on; the same command does")
    if left:
        raise OperateError(f"{letters(left)} that {'is meant stays' if left == 1 else 'are meant stay'}")
    if any(one.hidden for one in (look, counted) if one is not None):
        raise typer.Exit(NOT_KNOWN)


def _of_all(many: int, all: int) -> str:
    return letters(many) if many == all else f"{many:,} of {letters(all)}"


def _meant(which: Filter) -> str:
    return f" ({said})" if (said := words(which)) else ""


def _stay(left: dict[str, int], would: str = "") -> list[str]:
    return [
        line
        for reason, many in left.items()
        for line in _wrapped(f"{letters(many)} {would or ('stays' if many == 1 else 'stay')}: {reason}")
    ]


def _wrapped(text: str) -> list[str]:
    return wrap(harmless(text), COLUMNS)


def _time(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
