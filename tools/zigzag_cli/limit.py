"""`zigzag limit` and `zigzag limits`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from shared.queues import DEFAULT
from zigzag_cli.answer import answer
from zigzag_cli.limits import at, at_once_of, limit_words, longest_of, rate_of, trip_of
from zigzag_cli.options import Json, Queue, with_target
from zigzag_local.readable import harmless
from zigzag_operate import Kind, OperateError, StackGates, Target


@with_target
def limit(
    target: Target,
    queue: Queue = DEFAULT,
    rate: Annotated[str | None, typer.Option(help="Most starts: 5/s, 30/min, 100/h.")] = None,
    burst: Annotated[int | None, typer.Option(min=1, max=1000, help="Most at once, after a rest.")] = None,
    at_once: Annotated[
        int | None, typer.Option(help="Most that run at once, 1 to 30. More: WorkerConcurrency.")
    ] = None,
    trip: Annotated[int | None, typer.Option(help="So many messages that say Unavailable shut it.")] = None,
    longest: Annotated[str | None, typer.Option(help="Shut for so long at most: 30min, 6h.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Removes the limits.")] = False,
    as_json: Json = False,
) -> None:
    """Limits how often tasks start, or how many run at once, over all workers. For more than 30 at once use
    the parameter WorkerConcurrency; for one at a time by a key, a FIFO group."""
    if none == any(one is not None for one in (rate, at_once, trip, longest)):
        raise OperateError("name a --rate, an --at-once, a --trip or a --longest; or else --none", Kind.WRONG)
    limits = rate_of(rate, burst), at_once_of(at_once), trip_of(trip), longest_of(longest)
    limited = StackGates(target, queue).limit(*limits)
    answer(limited, as_json, limit_words(limited))


@with_target
def limits(
    target: Target,
    as_json: Json = False,
) -> None:
    """Shows for each queue whether it is open, since when it is paused, its limits, and how many wait."""
    limits = StackGates(target).limits()
    table = Table("queue", "state", "since", "every", "burst", "at once", "waiting", box=None)
    for name, one in limits.items():
        since = one.paused_since or one.unavailable_since
        rate = ("", "") if one.rate is None else (f"{one.rate.every_seconds:g} s", str(one.rate.burst))
        table.add_row(
            name,
            Text(harmless(one.closed or "open")),
            "" if since is None else at(since),
            *rate,
            "" if one.at_once is None else f"{one.held} of {one.at_once}",
            f"{one.waiting:,}",
        )
    answer(limits, as_json, table)
