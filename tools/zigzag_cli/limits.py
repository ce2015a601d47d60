"""`zigzag limit` and `zigzag limits`: limits as they are written, and as they are told."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from shared.lease import KEPT_SECONDS
from shared.ports.auto import DEFAULT_FASTEST_SECONDS, DEFAULT_SLOWEST_SECONDS
from shared.ports.breaker import MAX_LONGEST_SECONDS, MAX_TRIP
from shared.ports.gates import MAX_AT_ONCE
from shared.queues import DEFAULT
from zigzag_cli.answer import answer
from zigzag_cli.options import Json, Queue, with_target
from zigzag_local.readable import harmless
from zigzag_operate import Auto, Kind, OperateError, Rate, StackGates, Target
from zigzag_operate.limits import Limited, Limits, Starts
from zigzag_operate.who import LIMITED, PAUSED, RESUMED, short

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
MIN_EVERY, MAX_EVERY = 0.001, 30 * 24 * 3600.0
"""The least and the most seconds from one start to the next."""


def rate_of(text: str | None, burst: int | None, least: str | None, most: str | None) -> Rate | Auto | None:
    """Returns the rate of a text like 5/s, 30/min or 100/h, or of `auto`. Raises OperateError for any other
    text, and for options that do not fit it."""
    if text == "auto":
        return _auto_of(burst, least, most)
    if least is not None or most is not None:
        raise OperateError("--least and --most need --rate auto", Kind.WRONG)
    if text is None:
        if burst is not None:
            raise OperateError("--burst needs a --rate: give both", Kind.WRONG)
        return None
    return Rate(every_of(text, "auto, or "), 1 if burst is None else burst)


def _auto_of(burst: int | None, least: str | None, most: str | None) -> Auto:
    """Returns the rule of a rate that finds itself. A bound that is not given is the default, or the other
    one if that is beyond it."""
    if burst is not None:
        raise OperateError("--rate auto takes no --burst: after a rest one task starts", Kind.WRONG)
    slowest = None if least is None else every_of(least)
    fastest = None if most is None else every_of(most)
    if slowest is not None and fastest is not None and slowest < fastest:
        raise OperateError(f"the --least {least} is above the --most {most}", Kind.WRONG)
    return Auto(
        max(DEFAULT_SLOWEST_SECONDS, fastest or 0.0) if slowest is None else slowest,
        min(DEFAULT_FASTEST_SECONDS, slowest or inf) if fastest is None else fastest,
    )


def every_of(text: str, else_: str = "") -> float:
    """Returns the seconds from start to start of a text like 5/s. Raises OperateError for any other text."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|min|h)", text)
    every = _SECONDS[found[2]] / float(found[1]) if found and float(found[1]) else 0.0
    if not MIN_EVERY <= every <= MAX_EVERY:
        raise OperateError(
            f"the rate {text!r} may be {else_}like 5/s, 30/min or 100/h, at most 1000/s and at least 1 in 30 "
            "days",
            Kind.WRONG,
        )
    return every


def at_once_of(most: int | None) -> int | None:
    """Returns the cap if it is allowed. Raises OperateError if not."""
    if most is not None and not 1 <= most <= MAX_AT_ONCE:
        raise OperateError(
            f"--at-once may be 1 to {MAX_AT_ONCE}, not {most}: more is the parameter WorkerConcurrency, and "
            "none at all is `zigzag pause`",
            Kind.WRONG,
        )
    return most


def trip_of(many: int | None) -> int | None:
    """Returns the number of messages that shut the breaker, if it is allowed. Raises OperateError if not."""
    if many is not None and not 1 <= many <= MAX_TRIP:
        raise OperateError(f"--trip may be 1 to {MAX_TRIP} messages, not {many}", Kind.WRONG)
    return many


def longest_of(text: str | None) -> float | None:
    """Returns the seconds of a text like 90s, 30min or 6h. Raises OperateError for any other text."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h)", text)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 1 <= seconds <= MAX_LONGEST_SECONDS:
        raise OperateError(f"--longest {text!r} may be like 90s, 30min or 6h, at most 12h", Kind.WRONG)
    return seconds


def limit_words(limited: Limited) -> str:
    """Returns the words that tell a person about new limits."""
    rate, at_once, waiting = limited.rate, limited.at_once, limited.waiting
    if limited.none:
        return f"{limited.queue} has no limit any more"
    if rate is None and at_once is None:
        return f"{limited.queue} has this rule for what is unavailable. {waiting:,} wait."
    many = "one task runs" if at_once == 1 else f"{at_once} tasks run"
    cap = "" if at_once is None else f"In {limited.queue} {many} at a time, at most. "
    return cap + (f"{waiting:,} wait." if rate is None else _rate_words(limited, rate))


def _rate_words(limited: Limited, rate: Starts) -> str:
    waiting = limited.waiting
    if limited.auto is not None:
        return (
            f"In {limited.queue} a task starts each {rate.every_seconds:g} s at first. Refused starts slow "
            f"that down, to one each {limited.auto.slowest_seconds:g} s at most, and others speed it up, to "
            f"one each {limited.auto.fastest_seconds:g} s. {waiting:,} wait."
        )
    burst = "" if rate.burst == 1 else f", and {rate.burst} at once after a rest"
    words = f"In {limited.queue} a task starts each {rate.every_seconds:g} s{burst}."
    if not waiting:
        return f"{words} None waits."
    takes = timedelta(seconds=round(limited.takes_seconds or 0))
    days = KEPT_SECONDS // (24 * 3600)
    if takes.total_seconds() > KEPT_SECONDS:
        return f"{words} {waiting:,} wait, which takes {takes}: SQS drops what is older than {days} days."
    return f"{words} {waiting:,} wait, which takes {takes} (hours:minutes:seconds)."


def _since(one: Limits) -> str:
    """Returns since when the queue is closed; nothing if it is open, or nobody knows."""
    since = one.paused_since or one.unavailable_since
    return "" if one.closed is None or since is None else at(since)


def _by(one: Limits, what: str) -> str:
    said = one.by.get(what)
    return "" if said is None else f"{short(said.who)}, {at(said.at)}"


def _starts(one: Limits) -> str:
    if one.rate is None:
        return ""
    every, burst = one.rate.every_seconds, one.rate.burst
    return f"one each {every:g} s, burst {burst}" if one.auto is None else f"one each {every:.3g} s, auto"


def _written(seconds: float) -> str:
    """Returns seconds as `longest_of` reads them."""
    unit = next(unit for unit in reversed(_SECONDS) if seconds % _SECONDS[unit] == 0 or unit == "s")
    return f"{seconds / _SECONDS[unit]:g}{unit}"


def _takes(one: Limits) -> str:
    """Returns how long the waiting messages take at the rate; nothing if there are none, or no rate."""
    return str(timedelta(seconds=round(one.takes_seconds))) if one.takes_seconds else ""


WORDS: dict[str, Callable[[Limits], str]] = {
    "state": lambda one: one.closed or "open",
    "since": _since,
    "next try": lambda one: _soon(one.next_try),
    "open again by": lambda one: _soon(one.open_by),
    "paused by": lambda one: _by(one, PAUSED) if one.paused_since else "",
    "resumed by": lambda one: "" if one.paused_since else _by(one, RESUMED),
    "limited by": lambda one: _by(one, LIMITED),
    "starts": _starts,
    "next slot": lambda one: _soon(one.next_slot),
    "at once": lambda one: "" if one.at_once is None else f"{one.held} of {one.at_once}",
    "say Unavailable": lambda one: f"{one.failing} of the {one.trip} that shut the queue",
    "shut for": lambda one: f"{_written(one.longest_seconds)} at most",
    "waiting": lambda one: f"{one.waiting:,}",
    "takes": _takes,
}
"""The words for each line of a queue's limits. A line without any is not shown."""


def at(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """Returns a time as people write it."""
    return f"{datetime.fromtimestamp(seconds, UTC):{form}} UTC"


def _soon(seconds: float | None) -> str:
    """Returns a time to the second; nothing if there is none."""
    return "" if seconds is None else at(seconds, "%Y-%m-%d %H:%M:%S")


@with_target
def limit(
    target: Target,
    queue: Queue = DEFAULT,
    rate: Annotated[str | None, typer.Option(help="Most starts: 5/s, 30/min, 100/h, auto.")] = None,
    least: Annotated[str | None, typer.Option(help="With auto: the least rate, or 1/s.")] = None,
    most: Annotated[str | None, typer.Option(help="With auto: the most, or 100/s.")] = None,
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
    limits = rate_of(rate, burst, least, most), at_once_of(at_once), trip_of(trip), longest_of(longest)
    limited = StackGates(target, queue).limit(*limits)
    answer(limited, as_json, limit_words(limited))


@with_target
def limits(
    target: Target,
    as_json: Json = False,
) -> None:
    """Shows for each queue whether it is open, since when it is paused, its limits, and how many wait."""
    limits = StackGates(target).limits()
    table = Table("queue", *limits, box=None)
    for name, words in WORDS.items():
        values = [words(one) for one in limits.values()]
        if any(values):
            table.add_row(name, *(Text(harmless(value)) for value in values))
    answer(limits, as_json, table)
