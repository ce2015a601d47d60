"""`zigzag logs`."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from time import time
from typing import Annotated

import typer

from zigzag_cli.answer import answer
from zigzag_cli.filters import moment
from zigzag_cli.options import Json, with_target
from zigzag_cli.within import answered, endless
from zigzag_local.readable import readable
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.logs import Which, chain_lines, log_lines

_DAY = 86_400


@with_target
def logs(
    target: Target,
    task: Annotated[str | None, typer.Option(help="Only lines of this task.")] = None,
    id: Annotated[str | None, typer.Option(help="Only lines of the task with this id.")] = None,
    chain: Annotated[
        bool, typer.Option("--chain", help="With --id: then those of the tasks that followed it by `then`.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only of level WARNING and worse: what did not succeed.")
    ] = False,
    ticks: Annotated[bool, typer.Option("--ticks", help="The consumer's lines: one for each tick.")] = False,
    since: Annotated[str, typer.Option(help="Since 90s, 30min, 6h, 2d ago, or a time in UTC.")] = "15min",
    as_json: Json = False,
) -> None:
    """Shows what the worker and its tasks have logged, the oldest first. Times are UTC.

    A line has outcome, task, id and reason; a traceback comes last. With --json, it is an object.
    """
    if ticks and (task is not None or id is not None):
        raise OperateError("a tick has no task: leave --task and --id out, or --ticks", Kind.WRONG)
    if chain and (id is None or task is not None):
        raise OperateError("--chain needs --id, of the chain's first task, and no --task", Kind.WRONG)
    now = time()
    begin = moment(since, now)
    which = Which(task, id, failed, ticks)
    form = "%H:%M:%S" if now - begin <= _DAY else "%-d %b %H:%M:%S"
    found = False
    endless()  # it prints as it reads
    with suppress(KeyboardInterrupt):
        for line in (chain_lines if chain else log_lines)(target, which, begin):
            found = True
            answered()
            moment_of = f"{datetime.fromtimestamp(line.at, UTC):{form}}"
            answer(line, as_json, f"{moment_of} {readable(line.text)}")
    if not found and which != Which(ticks=ticks):
        raise OperateError(f"no line matches since {since}", Kind.WRONG)
    if not found:
        print(f"zigzag: nothing was logged since {since}", file=sys.stderr)
