"""`zigzag status`."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

import zigzag_operate
from zigzag_cli.answer import answer
from zigzag_cli.options import Json, with_target
from zigzag_local.readable import harmless
from zigzag_operate import Target

WORDS = {
    "waiting": "waiting",
    "in_flight": "in flight, or waiting for a retry",
    "delayed": "not yet due, as sent with a delay",
    "oldest_seconds": "age of the oldest, in seconds",
    "dead_letters": "dead letters",
}
"""The words for each count."""


@with_target
def status(
    target: Target,
    as_json: Json = False,
) -> None:
    """Shows the queue: waiting, in flight, delayed, the oldest, dead letters; if it is closed, why."""
    seen = zigzag_operate.status(target)
    table = Table.grid(padding=(0, 2))
    for name, words in WORDS.items():
        count = getattr(seen, name)
        table.add_row(words, "unknown" if count is None else f"{count:,}")
    if seen.closed:
        table.add_row("nothing is received", Text(harmless(seen.closed)))
    answer(seen, as_json, table)
