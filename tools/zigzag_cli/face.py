"""The face of `zigzag status`: the figures in a terminal's columns, and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from zigzag_cli.options import of_this_stack
from zigzag_cli.plain import plain
from zigzag_local.readable import harmless, in_a_line
from zigzag_operate.facts import Facts, QueueFacts, Unknown, Verdict
from zigzag_operate.facts.figures import Figure
from zigzag_operate.facts.work import TaskWork, Work
from zigzag_operate.metrics import Happened
from zigzag_operate.words import at, clock

COLUMNS = 80
"""At most, in a wider terminal as well."""

_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_HEADS = ("deliveries", "again", "dead", "half in", "95 % in", "waited 95 %")
_MAX_TASKS = 20


def told(facts: Facts, verdict: Verdict) -> dict[str, Any]:
    """Returns what --json tells."""
    age = facts.oldest_letter_seconds
    return {
        "stack": facts.stack,
        "region": facts.region,
        "account": facts.account,
        "at": facts.at,
        "state": facts.state,
        "deployed": facts.deployed,
        "kind": verdict.kind,
        "verdict": verdict.sentence,
        "type": None if verdict.type is None else of_this_stack(verdict.type),
        "waiting": facts.total("waiting"),
        "in_flight": facts.total("in_flight"),
        "delayed": facts.total("delayed"),
        "oldest_seconds": facts.oldest_seconds,
        "closed": next((one.closed for one in facts.queues.values() if one.closed is not None), None),
        "dead_letters": facts.dead_letters,
        "dead_letters_since": facts.at - age if isinstance(age, int) else age,
        "last_tick": facts.last_tick,
        "work": facts.work,
        **_of("dropped", "dropped_starts", facts.dropped),
        **_of("errors", "worker_errors", facts.died),
        "queues": facts.queues,
        "why": facts.why,
    }


def _of(name: str, times: str, seen: Figure[Happened]) -> dict[str, Any]:
    many, until = (seen, seen) if isinstance(seen, Unknown) else seen
    return {times: many, f"{name}_until": until}


def shown(facts: Facts, verdict: Verdict) -> str:
    """Returns the lines for a terminal of 60 columns and more."""
    width = min(plain().width, COLUMNS)
    lines = [*_head(facts, width), *wrap(harmless(verdict.sentence), width)]
    if verdict.type is not None:
        lines += typed(of_this_stack(verdict.type), width)
    lines += ["", *_counts(facts, width)]
    if len(facts.queues) > 1:
        lines += ["", *_queues(facts.queues)]
    lines += [line for name, queue in facts.queues.items() for line in _gate(name, queue, width)]
    work: Any = facts.work
    if isinstance(work, Unknown):
        return "\n".join([*lines, "", *_row("15 minutes", work, "", width)])
    return "\n".join([*lines, *_tasks(work, width)])


def _head(facts: Facts, width: int) -> list[str]:
    which = " · ".join(filter(None, (facts.stack, facts.region, facts.account)))
    time = f"{datetime.fromtimestamp(facts.at, UTC):%-d %b, %H:%M:%S} UTC"
    room = width - len(which) - len(time)
    lines = [f"{which}{' ' * room}{time}"] if room >= 2 else [which, time]
    if facts.state and facts.state not in _SETTLED:
        lines += wrap(f"The stack is {facts.state}: figures may be of before and after.", width)
    return lines


def typed(command: str, width: int) -> list[str]:
    """Returns the command in lines that can be pasted."""
    words = f"Type: {command}".split(" --")
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 5 > width:
            lines[-1] += " \\"
            lines.append(f"        --{word}")
        else:
            lines[-1] += f" --{word}"
    return lines


def _counts(facts: Facts, width: int) -> list[str]:
    age = facts.oldest_letter_seconds
    oldest = facts.oldest_seconds if facts.total("waiting") != 0 else None  # the metric is minutes old
    lines = _row("waiting", facts.total("waiting"), "", width, oldest, "the oldest of them {}")
    lines += _row("in flight", facts.total("in_flight"), "with a worker, or waiting for a retry", width)
    if facts.total("delayed") != 0:
        lines += _row("delayed", facts.total("delayed"), "not yet due", width)
    since: Any = at(facts.at - age) if isinstance(age, int) else age
    lines += _row("dead letters", facts.dead_letters, "", width, since, "the first since {}")
    tick = facts.last_tick
    if isinstance(tick, Unknown):
        lines += _row("last tick", tick, "", width)
    elif tick is not None:
        said = f"ago: received {tick.received:,}, dispatched {tick.dispatched:,}, {tick.stopped}"
        lines += _row("last tick", duration(facts.at - tick.at), said, width)
    elif facts.tick_within is not None:
        lines += _row("last tick", "none", "yet" if facts.is_new else "in 15 minutes", width)
    lines += _row("deployed", duration(round(facts.at - facts.deployed)), f"ago: {at(facts.deployed)}", width)
    lines += _happened("dropped", facts.dropped, "starts of the worker", facts.drops, width)
    return lines + _happened("errors", facts.died, "of the worker", facts.dies, width)


def _happened(name: str, seen: Figure[Happened], what: str, goes_on: bool, width: int) -> list[str]:
    if isinstance(seen, Unknown):
        return _row(name, seen, "", width)
    over = "" if goes_on or seen.until is None else f", over since {clock(seen.until)}"
    return _row(name, seen.times, f"{what} in 15 minutes{over}", width) if seen.times else []


def _row(
    name: str, value: object, words: str, width: int, more: object = None, of_more: str = ""
) -> list[str]:
    """Returns the lines of a figure. `more` is a second one, which `of_more` puts into words."""
    if isinstance(value, Unknown):
        words, value = _why(value), "?"
    elif isinstance(more, Unknown):
        words = f"age {_why(more)}"
    elif more is not None:
        words = of_more.format(duration(more) if isinstance(more, int) else more)
    said = f"{value:,}" if isinstance(value, int) else str(value)
    head = f"  {name:<12} {said:>7}   "
    behind = " " * len(head)
    return wrap(harmless(words), width, initial_indent=head, subsequent_indent=behind) or [head.rstrip()]


def _queues(queues: dict[str, QueueFacts]) -> list[str]:
    longest = max(map(len, queues))
    lines = [f"  {'queues':<{longest}}  {'waiting':>9}  {'in flight':>9}  {'oldest':>7}"]
    for name, queue in queues.items():
        age = queue.oldest_seconds
        oldest = "" if age is None else "?" if isinstance(age, Unknown) else duration(age)
        counts = f"{_short(queue.waiting):>9}  {_short(queue.in_flight):>9}"
        lines.append(f"  {name:<{longest}}  {counts}  {oldest:>7}".rstrip())
    return lines


def _short(figure: object) -> str:
    return f"{figure:,}" if isinstance(figure, int) else "?"


def _gate(name: str, queue: QueueFacts, width: int) -> list[str]:
    """Returns what the queue's gate forbids."""
    said = []
    if isinstance(queue.closed, Unknown):
        said.append(f"{name}'s gate is {_why(queue.closed)}")
    elif queue.closed is not None:
        since = f" since {at(queue.closed_since)}" if isinstance(queue.closed_since, float) else ""
        said.append(f"{name} receives nothing: {queue.closed}{since}")
    if isinstance(queue.every_seconds, float):
        said.append(f"{name} starts one task each {queue.every_seconds:.3g} s at most")
    if isinstance(queue.at_once, int):
        said.append(f"{name} runs {queue.at_once} at once at most")
    return [
        line
        for one in said
        for line in wrap(harmless(one), width, initial_indent="  ", subsequent_indent="    ")
    ]


def _tasks(work: Work, width: int) -> list[str]:
    """Returns the table by task. A name that is too long for its column has a line of its own."""
    if not work.tasks:
        return ["", "  15 minutes   no deliveries" + ("" if work.all else " in the lines that were read")]
    wide = width >= COLUMNS
    heads = _HEADS if wide else (*_HEADS[:-1], "waited")
    sizes = [len(head) for head in heads]
    room = width - 2 - sum(sizes) - 2 * len(sizes)
    lines = ["", _cells("15 minutes" if room >= 10 else "15 min", heads, sizes, room)]
    for task in work.tasks[:_MAX_TASKS]:
        name = in_a_line(task.task)
        if len(name) > room:
            lines += [f"  {line}" for line in wrap(name, width - 2)]
            name = ""
        lines.append(_cells(name, _figures(task), sizes, room))
    if len(work.tasks) > _MAX_TASKS:
        lines.append(f"  and {len(work.tasks) - _MAX_TASKS:,} tasks more: --json has them")
    if not work.all:
        lines += wrap(
            "Not all lines were read: there are too many. The figures are of a part of them.",
            width,
            initial_indent="  ",
            subsequent_indent="  ",
        )
    return lines


def _cells(name: str, cells: tuple[str, ...], sizes: list[int], room: int) -> str:
    return f"  {name:<{room}}" + "".join(f"  {cell:>{size}}" for cell, size in zip(cells, sizes, strict=True))


def _figures(task: TaskWork) -> tuple[str, ...]:
    times = task.half_seconds, task.most_seconds, task.waited_seconds
    counts = task.deliveries, task.again, task.dead
    return *(f"{one:,}" for one in counts), *("" if one is None else duration(one) for one in times)


def duration(seconds: float) -> str:
    """Returns a time in one unit, such as 16 ms, 1.0 s, 25 s, 17 m, 3 h or 2 d."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    if seconds >= 10 or isinstance(seconds, int):
        return f"{max(0.0, seconds):.0f} s"
    return f"{max(0.0, seconds) * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _why(unknown: Unknown) -> str:
    return f"unknown: {unknown.unknown}"
