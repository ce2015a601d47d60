"""`zigzag status` and `zigzag queues`."""

from __future__ import annotations

import sys

from rich.table import Table
from rich.text import Text

import zigzag_operate
from shared.queues import DEFAULT
from zigzag_cli.answer import answer
from zigzag_cli.options import Json, Queue, with_target
from zigzag_local.readable import harmless
from zigzag_operate import KeptQueue, OperateError, Target
from zigzag_operate.status import QueueStatus

WORDS = {
    "waiting": "waiting",
    "in_flight": "in flight, or waiting for a retry",
    "delayed": "not yet due, as sent with a delay",
    "oldest_seconds": "age of the oldest, in seconds",
    "dead_letters": "dead letters",
}
"""The words for each count."""


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
    queue: Queue = DEFAULT,
    as_json: Json = False,
) -> None:
    """Shows a queue: waiting, in flight, delayed, the oldest, dead letters; if it is closed, why."""
    seen = zigzag_operate.status(target, queue)
    table = Table.grid(padding=(0, 2))
    for name, words in WORDS.items():
        count = getattr(seen, name)
        table.add_row(words, "unknown" if count is None else f"{count:,}")
    if seen.closed:
        table.add_row("nothing is received", Text(harmless(seen.closed)))
    answer(seen, as_json, table)
