"""`zigzag send … --many`: a task for each line of a file, and how far it is."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zigzag_cli.answer import answer
from zigzag_cli.within import endless
from zigzag_local.readable import harmless
from zigzag_operate import Kind, OperateError, Target
from zigzag_operate.many import payloads_in, send_many

_MAX_NAMED = 20
"""Most lines of the file that are named because they were not sent."""

_EACH = 1_000
"""So many lines between two words of progress."""


@dataclass(frozen=True, slots=True)
class SentMany:
    """How many lines there were, by what became of them."""

    accepted: int
    refused: int
    unknown: int


def send_lines(target: Target, task: str, file: Path, as_json: bool, **options: Any) -> None:
    """Sends the task for each line. Raises OperateError at the end if one line was not accepted.

    options -- those of `zigzag_operate.many.send_many`.
    """
    endless()
    counts: Counter[str] = Counter()
    failed: OperateError | None = None

    def told(index: int, status: str, reason: str | None) -> None:
        counts[status] += 1
        if status != "accepted" and counts.total() - counts["accepted"] <= _MAX_NAMED:
            print(f"zigzag: {harmless(f'line {index + 1} is {status}: {reason}')}", file=sys.stderr)
        if counts.total() % _EACH == 0 and sys.stderr.isatty():
            print(f"zigzag: {counts.total():,} lines", file=sys.stderr)

    try:
        with file.open(encoding="utf-8-sig") as lines:  # perhaps with a byte order mark
            send_many(target, task, payloads_in(lines), told, **options)
    except (OSError, UnicodeDecodeError) as error:
        failed = OperateError(f"{file} can't be read: {error}", Kind.WRONG)
    except OperateError as error:
        failed = error
    sent = SentMany(counts["accepted"], counts["refused"], counts["unknown"])
    if counts or failed is None:
        answer(sent, as_json, f"sent {sent.accepted:,} of {counts.total():,} lines as {task}")
    if failed is not None:
        raise failed
    if sent.accepted < counts.total():
        raise OperateError(f"{sent.refused:,} lines were refused, and {sent.unknown:,} are unknown")
