"""What does a log line look like? One JSON object a line, wherever the code runs.

A line is made of printable ASCII: whatever a message holds is escaped in it, so that no text can end
the line, begin another, or reach a terminal as a command. Payloads are never logged by our code.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("zigzag")

METRICS = "_aws"
"""The field that CloudWatch makes metrics of, by the embedded metric format. Each metric is paid for, so only
our own lines may have it: a task that logs a payload as fields must not let a message write it."""

MAX_LINE_BYTES = 60_000
"""A longer line can come out of Lambda in two: it goes through a pipe, and that holds 65,536."""

_MAX_CHARACTERS = (16_000, 4_000, 1_000, 100)
"""Of one text in a line; with less, where all of them together are too long."""


_NUMBERS = (bool, int, float)
_MODEST = 1e15
"""JSON can hold what is smaller: `nan` is not, nor an int of thousands of digits."""


class JsonFormatter(logging.Formatter):
    """A record as JSON: timestamp, level, message, then the fields given to `write`.

    What is too long loses its middle. Whatever is logged, there is a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": _message(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        fields = _fields(record)
        metrics = fields.pop(METRICS, None)
        whole = {METRICS: metrics} if metrics is not None and record.name == LOGGER.name else {}
        # What we say ourselves comes first and last: no field takes its place.
        line |= {name: value for name, value in fields.items() if name not in line}
        written = json.dumps(line | whole)
        if len(written) <= _MAX_CHARACTERS[0]:  # so is each of its texts: most lines are written once
            return written
        for limit in _MAX_CHARACTERS:
            written = json.dumps({name[:limit]: _cut(value, limit) for name, value in line.items()} | whole)
            if len(written) <= MAX_LINE_BYTES:
                break
        return written


def configure() -> None:
    """Sends all logging to standard output, a JSON object a line; called once by a function's `app.py`.

    Lambda, `sam local` and the local AWS each put a handler of their own on the root logger, with
    formats of their own; ours replaces it.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells where it found credentials


def write(level: int, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
    """Logs `message` with its fields but those that are None, and the traceback of `error`.

    The field `_aws` is for CloudWatch: it is never cut.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    LOGGER.log(level, message, extra={"fields": known}, exc_info=error)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # a task's own line, whose arguments do not fit: Python would print it as it is
        return f"{_text(record.msg)} (its arguments don't fit: {record.pathname}:{record.lineno})"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, "fields", {})
    if not isinstance(fields, Mapping):  # somebody else's word for something else
        return {"fields": _plain(fields)}
    return {_text(name): _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    """The value, if JSON can hold it; else its text."""
    if isinstance(value, str) or (type(value) in _NUMBERS and abs(value) < _MODEST):
        return value
    try:
        json.dumps(value, allow_nan=False)
    except Exception:
        return _text(value)
    return value


def _text(value: Any) -> str:
    """A text of anything: even that may fail."""
    try:
        return str(value)
    except Exception:
        return f"a {type(value).__name__}, whose text can't be had"


def _cut(value: Any, limit: int) -> Any:
    """The value, if it is no longer than that; else the beginning and the end of its text."""
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) <= limit:
        return value
    half = limit // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"
