"""`zigzag audit`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from time import time
from typing import Annotated

import typer

from zigzag_cli.answer import answer
from zigzag_cli.doctor import NOT_KNOWN, WRONG, wrapped
from zigzag_cli.filters import moment
from zigzag_cli.options import Json, with_target
from zigzag_cli.within import answered, endless
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.audit import Report, audit_of_files, audit_of_stack
from zigzag_operate.audit.report import KINDS, MAX_NAMED, Duplicate, Finding

_DAY_SECONDS = 86_400
_SHOWN = 10
"""Of a kind or a cause. With --json, there are more."""


@with_target
def audit(
    target: Target,
    since: Annotated[
        str | None, typer.Option(help="Since 90s, 30min, 6h, 2d ago, or a time in UTC; without it, 24h.")
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option(help="Saved lines, as JSON lines; - is standard input. Repeatable.")
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="With --file: the queues were empty after its last line.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judges the promises on what the functions have logged: what was lost, repeated, or over a limit.

    Exit code 4: a promise was broken. 5: none that was seen, but not all could be judged.
    """
    if empty and not file:
        raise OperateError("--empty is for saved lines: a stack's queues are asked", Kind.WRONG)
    now = time()
    if (begins := None if since is None else moment(since, now)) is not None and begins >= now:
        raise OperateError(f"--since {since} is not in the past", Kind.WRONG)
    endless()  # a day of lines takes minutes to read
    if file:
        answered()  # nothing waits for AWS
        report = _of_files(file, begins, empty)
    else:
        report = audit_of_stack(target, now - _DAY_SECONDS if begins is None else begins, now)
    what = ", ".join(file) if file else f"the stack {target.stack}"
    answer(report, as_json, "\n".join(_words(report, what)))
    if report.findings or report.unknown:
        raise typer.Exit(WRONG if report.findings else NOT_KNOWN)


def _of_files(names: list[str], since: float | None, empty: bool) -> Report:
    try:
        with ExitStack() as opened:
            files = [
                sys.stdin
                if name == "-"
                else opened.enter_context(open(name, encoding="utf-8", errors="replace"))
                for name in names
            ]
            return audit_of_files(files, since, empty)
    except OSError as error:
        raise OperateError(
            f"{error.filename or names[0]} can't be read: {error.strerror}", Kind.WRONG
        ) from error


def _words(report: Report, what: str) -> Iterator[str]:
    counts = f"{report.deliveries:,} deliveries, {report.ticks:,} ticks"
    direct = f", {report.direct_calls:,} direct calls" if report.direct_calls else ""
    found, unknown = sum(report.found.values()), len(report.unknown)
    said = ("no finding" if not found else f"{found:,} findings") + (
        f", {unknown} unknown" if unknown else ""
    )
    yield from wrapped(
        f"{what}, {_at(report.since)} to {_at(report.until)} UTC: {counts}{direct}: {said}.", "", "  "
    )
    yield ""
    yield from (f"{report.found[kind]:>9,}  {kind}" for kind in KINDS)
    yield f"{report.waiting:>9,}  not ended yet"
    yield f"{sum(report.causes.values()):>9,}  possible duplicates"
    for cause, many in _most_first(report):
        yield f"{many:>17,}  {cause}"
    for kind in KINDS:
        yield from _named(kind, [one for one in report.findings if one.kind == kind], report.found[kind])
    for cause, many in _most_first(report):
        yield from _named(cause, [one for one in report.duplicates if one.cause == cause], many)
    if report.unknown:
        yield "\nunknown, and not judged:"
        for sentence in report.unknown:
            yield from wrapped(f"{sentence}.", "  ", "    ")


def _most_first(report: Report) -> list[tuple[str, int]]:
    return sorted(report.causes.items(), key=lambda one: -one[1])


def _named(title: str, some: list[Finding] | list[Duplicate], many: int) -> Iterator[str]:
    """Yields the first ones of a kind, or of a cause."""
    if not some:
        return
    yield f"\n{title}:"
    for one in some[:_SHOWN]:
        who = " ".join(text for text in (one.task, one.id and f"({one.id})", one.message_id) if text)
        why = f": {one.said}" if isinstance(one, Finding) else ""
        yield from wrapped(f"{_at(one.at)} {who}{why}", "  ", "    ")
    if many > _SHOWN:
        more = f"; the first {MAX_NAMED} by --json" if many > MAX_NAMED else "; all by --json"
        yield f"  … {many - _SHOWN:,} more{more}"


def _at(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%-d %b %H:%M:%S}"
