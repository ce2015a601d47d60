"""Says what the lines can't tell, a sentence each: the unknown is never counted as good."""

from __future__ import annotations

from collections.abc import Iterator

from zigzag_operate.audit.report import Report
from zigzag_operate.words import many


def of_the_window(report: Report, on_queues: int | None, by_events: bool) -> Iterator[str]:
    """Yields what a window as a whole can't tell.

    on_queues -- how many messages are on the queues at its end; None if that is not known.
    by_events -- whether Lambda itself polls them.
    """
    if not report.deliveries and not report.ticks:
        yield "no line is in the window: neither a delivery nor a tick was logged, or their lines are gone"
    elif by_events:
        yield "Lambda itself polls the queues: a message of which no line tells is not seen"
    elif not report.ticks:
        yield "no tick has a line: limits, and messages of which no line tells, are not judged"
    if on_queues is None:
        yield "how many messages are on the queues is not known: whether one is lost is not judged"
    elif on_queues:
        yield f"the queues have {many(on_queues, 'message')}: only once they are empty is a lost one seen"


def of_some(
    *, overdue: int, old: int, short: int, maybe_lost: list[str], forgotten: int, is_full: bool
) -> Iterator[str]:
    """Yields what can't be told of some messages or lines, of which each argument is the number."""
    told = (
        (overdue, "message", "due for an hour or more, without a line of a start"),
        (old, "line", "of an older version: runs and receives that no line has are not judged"),
        (short, "run", "under an exact cap, and shorter than clocks may differ: not judged"),
        (forgotten, "message", "more than an audit remembers: judge a shorter time"),
    )
    for number, what, why in told:
        if number:
            yield f"{many(number, what)} {why}"
    if maybe_lost:
        names = ", ".join(dict.fromkeys(maybe_lost[:3])) + (", …" if len(maybe_lost) > 3 else "")
        has = many(len(maybe_lost), "message")
        yield f"{has} without an end, and on no queue: a worker that is killed writes no line ({names})"
    if is_full:
        yield "more has succeeded than an audit remembers: a later repetition is not seen"
