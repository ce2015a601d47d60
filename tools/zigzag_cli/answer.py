"""A command's answer: a value as JSON, or words; and its end with a failure."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Any, NoReturn

from rich.console import RenderableType

from zigzag_cli.plain import plain
from zigzag_local.readable import harmless
from zigzag_operate import Kind, OperateError

EXIT_CODES = (
    "Exit codes: 0 done · 1 AWS or the local AWS said no · 2 wrong option · 3 no such task, or a bad payload "
    "· 4 looked, and something is wrong · 5 nothing wrong was seen, and something is unknown"
)
SOMETHING_IS_WRONG = 4
CODES = {Kind.REFUSED: 1, Kind.WRONG: 2, Kind.BAD_PAYLOAD: 3}

_answered: list[bool] = []
"""Has an entry once the answer is printed as JSON: no second object may follow it."""


def begin() -> None:
    """Forgets the answer of an earlier command in this process."""
    _answered.clear()


def answer(value: Any, as_json: bool, shown: RenderableType) -> None:
    """Prints the value's fields, or its words. Raises OperateError if standard output can't be written."""
    try:
        if as_json:
            _answered[:] = [True]
            print(json.dumps(value, default=asdict), flush=True)
        elif isinstance(shown, str):
            print(shown, flush=True)
        else:
            plain(soft_wrap=not sys.stdout.isatty()).print(shown)
    except (OSError, ValueError) as error:
        raise unwritten(error) from error


def unwritten(error: Exception) -> OperateError:
    """Returns the error of an answer that standard output does not take. No more is written there."""
    with suppress(OSError, ValueError):  # otherwise Python tries again at its exit, and fails with 120
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OperateError(f"the answer can't be written: {error}")


def end(sentence: str, kind: Kind = Kind.REFUSED) -> NoReturn:
    """Ends the command with the sentence on standard error, or with --json as an object."""
    if "--json" in sys.argv and not _answered:
        with suppress(OSError, ValueError):
            print(json.dumps({"error": sentence}), flush=True)
    else:
        print(f"zigzag: {harmless(sentence)}", file=sys.stderr)
    sys.exit(CODES[kind])
