"""`zigzag status` and `zigzag queues`."""

from __future__ import annotations

import sys
from contextlib import suppress
from time import sleep
from typing import Annotated, Any

import typer
from rich.text import Text

import zigzag_operate
from zigzag_cli.answer import SOMETHING_IS_WRONG, answer
from zigzag_cli.face import shown, told
from zigzag_cli.options import Json, with_target
from zigzag_cli.plain import plain
from zigzag_cli.within import answered, endless
from zigzag_local.readable import harmless
from zigzag_operate import KeptQueue, Kind, OperateError, Target
from zigzag_operate.facts import KEEPING_UP, facts, verdict_of
from zigzag_operate.status import QueueStatus

EVERY_SECONDS = 5.0
"""Between two looks of --watch. Each asks CloudWatch for a few figures, at $0.01 for a thousand."""


@with_target
def queues(
    target: Target,
    as_json: Json = False,
) -> None:
    """Shows the stack's queues: name, weight, how many wait, why one is closed, URL. Then those taken out."""
    seen = zigzag_operate.queues(target)
    lines = [_words(name, one) for name, one in seen.items()]
    try:
        kept = zigzag_operate.kept(target)
    except OperateError as error:
        kept = []
        print(f"zigzag: {harmless(str(error))}", file=sys.stderr)
    lines += map(_words_of_kept, kept)
    answer({**seen, **{one.url: one for one in kept}}, as_json, "\n".join(lines))


def _words_of_kept(one: KeptQueue) -> str:
    counts = f"{one.waiting:,} waiting, {one.in_flight:,} in flight, {one.delayed:,} delayed"
    return f"{harmless(one.queue)}, not in the stack any more: {counts}; not polled\n  {harmless(one.url)}"


def _words(name: str, one: QueueStatus) -> str:
    """Returns two lines, since a table would cut the URL."""
    state = harmless(one.closed or "open")
    counts = f"{one.waiting:,} waiting, {one.in_flight:,} in flight, {one.delayed:,} delayed"
    return f"{name}, weight {one.weight}: {counts}; {state}\n  {harmless(one.url)}"


@with_target
def status(
    target: Target,
    queue: Annotated[str | None, typer.Argument(help="Only this queue, as in `zigzag queues`.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Looks again each 5 s, until ^C. That takes $0.03 an hour.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exits with 4 unless all is known, and nothing is wrong.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Says in one sentence how it stands, and what to type. Then the figures, and 15 minutes by task."""
    if watch and check:
        raise OperateError("--check looks once, and --watch until ^C: leave one out", Kind.WRONG)
    if watch:
        endless()
        with suppress(KeyboardInterrupt):  # the usual end
            _watch(target, queue, as_json)
        return
    seen = facts(target, queue)
    verdict = verdict_of(seen)
    answer(told(seen, verdict), as_json, shown(seen, verdict))
    if check and verdict.kind != KEEPING_UP:
        raise typer.Exit(SOMETHING_IS_WRONG)


def _watch(target: Target, queue: str | None, as_json: bool) -> None:
    """Shows the status until it is interrupted. A failure of a later look is shown in its place."""

    def look() -> tuple[dict[str, Any], str]:
        seen = facts(target, queue)
        verdict = verdict_of(seen)
        return told(seen, verdict), shown(seen, verdict)

    def again() -> tuple[dict[str, Any], str]:
        sleep(EVERY_SECONDS)
        try:
            return look()
        except OperateError as error:
            return {"error": str(error)}, f"zigzag: {harmless(str(error))}"

    value, words = look()
    answered()
    if as_json or not sys.stdout.isatty():
        while True:
            answer(value, as_json, f"{words}\n")
            value, words = again()
    from rich.live import Live

    console = plain()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(Text(_first_of(words, console.height)), refresh=True)
            value, words = again()


def _first_of(words: str, most: int) -> str:
    """Returns the first lines, and how many there are more: a terminal can't go back to redraw those."""
    lines = words.splitlines()
    if len(lines) <= most:
        return words
    return "\n".join([*lines[: most - 1], f"  and {len(lines) - most + 1} lines more: ./zigzag status"])
