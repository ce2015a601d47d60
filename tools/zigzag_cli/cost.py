"""`zigzag cost`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import typer

from zigzag_cli.answer import answer
from zigzag_cli.doctor import configured, wrapped
from zigzag_cli.options import Json, with_target
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.cost import bills
from zigzag_operate.cost.lines import Line
from zigzag_operate.cost.model import idle_by_mapping_lines
from zigzag_operate.cost.used import Used, last_day, used
from zigzag_operate.doctor.source import read
from zigzag_operate.doctor.template import facts_of
from zigzag_operate.target import PROJECT

SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
MAY_BE = "may be like 40/s, 100/min, 500/h or 2000/day"
MAX_RATE = 100_000.0
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a bill: what for, its factors as text, USD."""

    name: str
    sum: str
    usd: float


@dataclass(frozen=True, slots=True)
class Bill:
    """A title, USD, and the lines that add up to it."""

    title: str
    usd: float
    lines: list[Item]


@dataclass(frozen=True, slots=True)
class Answer:
    """All bills, what they are by, and what is left out."""

    of: str
    prices: str
    bills: list[Bill]
    notes: list[str] = field(default_factory=list)


@with_target
def cost(
    target: Target,
    rate: Annotated[str | None, typer.Option(help="A month at this rate, such as 40/s.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Next to SQS's event source mapping alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Reckons what an idle month and a million tasks cost with this stack's settings, line by line."""
    per_second = None if rate is None else _per_second(rate)
    try:
        found, of = used(target), f"the stack {target.stack} as it is"
    except OperateError as error:
        template = PROJECT / "template.yaml"
        parameters = facts_of(read(template), configured(PROJECT, "default")).parameters
        found = Used(bills.stack_of(parameters), {}, (f"the stack was not reached: {error}",))
        of = "template.yaml and samconfig.toml"
    given = Answer(
        of,
        bills.where(),
        list(_bills(found, per_second, rate, compare=compare)),
        list(_notes(found, per_second, compare=compare)),
    )
    answer(given, as_json, "\n".join(_words(given)))


def _per_second(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|min|h|day)", text)
    number = float(found[1]) / SECONDS[found[2]] if found else 0.0
    if not 0 < number <= MAX_RATE:
        raise OperateError(f"--rate is {text!r}: it {MAY_BE}, more than 0 and at most 100,000/s", Kind.WRONG)
    return number


def _bills(found: Used, per_second: float | None, rate: str | None, *, compare: bool) -> Iterator[Bill]:
    stack = found.stack
    yield _bill("an idle month", bills.idle(stack))
    each = f"tasks of {_number(stack.task_seconds)} s"
    if per_second is None:
        yield _bill(f"a million {each}", bills.million(stack))
    else:
        yield _bill(f"a month of {rate} {each}", bills.a_month(stack, per_second))
    if any(found.figures.values()):
        yield _bill("a month of days like the last one, without alarms", last_day(found))
    if compare and per_second is None:
        yield _bill("an idle month by a mapping alone", idle_by_mapping_lines(stack.setup))
    for batch in (1, 10) if compare else ():
        what = "a million" if per_second is None else f"a month of {rate}"
        yield _bill(
            f"{what} by a mapping alone, batches of {batch}", bills.by_mapping(stack, batch, per_second)
        )


def _notes(found: Used, per_second: float | None, *, compare: bool) -> Iterator[str]:
    if too_fast := "" if per_second is None else bills.too_fast(found.stack, per_second):
        yield too_fast
    by_metrics = bool(found.figures.get("deleted"))
    plain = "tasks are plain, and succeed at once: a failed first attempt is a write of DynamoDB more, each "
    plain += "later attempt and each idempotent task two ($0.63 a million writes)"
    measured = "the time and the writes of a task are those of the last day"
    yield measured if by_metrics else plain
    if compare:
        yield bills.LEFT_OUT
    yield from found.unknown


def _bill(title: str, lines: list[Line]) -> Bill:
    return Bill(title, round(bills.total(lines), 4), [_item(one) for one in lines])


def _item(line: Line) -> Item:
    factors = [f"{_number(number)} {_one(of) if number == 1 else of}" for number, of in line.factors]
    factors.append(_price(line.price))
    return Item(line.name, f" {TIMES} ".join(factors), round(line.amount, 6))


def _one(of: str) -> str:
    return of if of in ("s", "GB") else of.removesuffix("s")


def _number(number: float) -> str:
    return (f"{number:.10f}" if number < 0.001 else f"{number:,.4f}").rstrip("0").rstrip(".")


def _price(number: float) -> str:
    return f"${number:.2f}" if number >= 0.01 else f"${number:.12f}".rstrip("0")


def _words(given: Answer) -> Iterator[str]:
    yield from wrapped(f"By {given.of}; {given.prices}.", "", "")
    for bill in given.bills:
        yield ""
        yield from wrapped(f"{bill.title}: ${bill.usd:,.2f}", "", "  ")
        for line in bill.lines:
            yield from wrapped(f"{line.sum} = ${line.usd:,.2f}", f"  {line.name:<19} ", " " * 24)
    for note in given.notes:
        yield ""
        yield from wrapped(f"{note[0].upper()}{note[1:]}.", "", "")
