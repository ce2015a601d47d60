"""Writes log lines: one JSON object a line, in every environment.

A line has only printable ASCII. All other characters are escaped, so that no text can end the line, begin
another, or reach a terminal as a command. Our code never logs payloads.

In a function, our own lines do not use Python's logging, which tasks may configure freely.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from time import time
from typing import Any

from shared.errors import traceback_of
from shared.output import Output

LOGGER = logging.getLogger("zigzag")

METRICS = "_aws"
"""The field of CloudWatch's embedded metric format. Each metric costs money, so only our own lines may have
it: a message must not make metrics when a task logs its payload as fields."""

MAX_LINE_BYTES = 60_000
"""Lambda may split a longer line in two: it goes through a pipe, which holds 65,536 bytes."""

_MAX_CHARACTERS = (16_000, 4_000, 1_000, 100)
"""Most characters of one text in a line. The smaller limits count if all texts together are too long."""

MAX_FIELDS = 200
_MIN_FIELDS = 16
"""Most fields of a line; and if it is too long all the same. So many always fit: an emoji takes 12 bytes."""

LEFT_OUT = "left out"
"""The field that says how many there were besides."""


_STANDARD = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "fields"}
"""The attributes of every record. Others came by `extra`."""

_NUMBERS = (bool, int, float)
_MODEST = 1e15
"""JSON can hold smaller numbers. `nan` is not smaller, nor is an int of thousands of digits."""


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: timestamp, level, message, then the fields given to `write`.

    A text that is too long loses its middle. Every record gives a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        return _line_of(record)


def configure() -> None:
    """Sends all logging to standard output as JSON lines. A function's `app.py` calls it once.

    It replaces the root logger's handler, which Lambda, `sam local` and the local AWS each set.
    """
    global _function
    _function = _Function()
    logging.basicConfig(level=logging.INFO, handlers=[_Handler(_function.output)], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # it logs where it found credentials


def write(level: int, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
    """Logs `message` with its fields, except those that are None, and the traceback of `error`.

    The field `_aws` is for CloudWatch, and is never cut.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    if _function is None:
        LOGGER.log(level, message, extra={"fields": known}, exc_info=error)
    else:
        raised = None if error is None else traceback_of(error)
        _function.output.write(_line(time(), _LEVELS[level], message, raised, known, ours=True))


def take_turns() -> None:
    """Keeps lines whole where several processes, as a server's, write to one output."""
    if _function is not None:
        _function.output.take_turns()


def restore() -> None:
    """Puts back the function's standard output and standard error after a task."""
    if _function is not None:
        _function.output.restore()


def flush() -> None:
    """Flushes the streams, before a process ends at once. Lines of a function are out already."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()


def of_a_task(fields: Mapping[str, Any]) -> logging.LoggerAdapter[logging.Logger]:
    """Returns the logger of a task. Each of its lines has these fields."""
    logger = logging.getLogger("zigzag.task") if _function is None else _function.logger()
    return _OfATask(logger, {"fields": fields})


class _Handler(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.write(_line_of(record))


class _Function:
    """The output and the loggers of a function, which no configuration of Python's logging changes."""

    def __init__(self) -> None:
        self.output = Output()
        self._handler = _Handler(self.output)

    def logger(self) -> logging.Logger:
        """Returns a logger for one attempt: the next one does not get the levels and filters that it sets."""
        logger = logging.Logger("zigzag.task", logging.INFO)
        logger.manager = logging.Manager(logger)  # type: ignore[arg-type]  # out of `logging.disable`'s reach
        logger.handlers = [self._handler]  # `addHandler` would take a lock
        return logger


_function: _Function | None = None
"""None outside a function, for example in a test: our lines then go through Python's logging."""

_LEVELS = {level: logging.getLevelName(level) for level in (logging.INFO, logging.WARNING, logging.ERROR)}


class _OfATask(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        ours = (self.extra or {})["fields"]
        extra = {**(kwargs.get("extra") or {})}
        given = extra.get("fields", {})
        extra["fields"] = {**(given if isinstance(given, Mapping) else {"fields": given}), **ours}  # type: ignore[dict-item]
        return msg, {**kwargs, "extra": extra}


def _line(
    created: float,
    level: str,
    message: str,
    raised: str | None,
    fields: Mapping[Any, Any],
    *,
    ours: bool,
    most: int = MAX_FIELDS,
) -> str:
    """Returns the line. A text that is too long loses its middle, and so do too many fields. Only our own
    lines may have metrics."""
    line: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "message": message,
    }
    if raised is not None:
        line["traceback"] = raised.rstrip("\n")
    given = {_text(name): _plain(value) for name, value in _without_middle(fields, most).items()}
    metrics = given.pop(METRICS, None)
    whole = {METRICS: metrics} if metrics is not None and ours else {}
    # No field replaces a key of ours: ours come first, and `whole` last.
    line |= {name: value for name, value in given.items() if name not in line}
    written = json.dumps(line | whole)
    if len(written) <= _MAX_CHARACTERS[0]:  # each of its texts is short, too: most lines are encoded once
        return written
    for limit in _MAX_CHARACTERS:
        written = json.dumps({name[:limit]: _cut(value, limit) for name, value in line.items()} | whole)
        if len(written) <= MAX_LINE_BYTES:
            return written
    if most == _MIN_FIELDS:
        return written
    return _line(created, level, message, raised, fields, ours=ours, most=_MIN_FIELDS)


def _without_middle(fields: Mapping[Any, Any], most: int) -> Mapping[Any, Any]:
    """Returns the fields; if they are more than `most`, only the first and the last: a task's line ends with
    those of ours."""
    if len(fields) <= most:
        return fields
    items = list(fields.items())
    half = most // 2
    left = {LEFT_OUT: f"{len(items) - 2 * half:,} fields"}
    return dict(items[:half]) | left | dict(items[-half:])


def _line_of(record: logging.LogRecord) -> str:
    error = record.exc_info and record.exc_info[1]
    raised = traceback_of(error) if error else None
    ours = record.name == LOGGER.name
    return _line(record.created, record.levelname, _message(record), raised, _fields(record), ours=ours)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # the arguments of a task's line do not fit: Python would print the message
        return f"{_text(record.msg)} (its arguments don't fit: {record.pathname}:{record.lineno})"


def _fields(record: logging.LogRecord) -> dict[Any, Any]:
    fields = getattr(record, "fields", {})
    if not isinstance(fields, Mapping):  # other code uses the name for something else
        fields = {"fields": fields}
    given = record.__dict__
    more = {name: given[name] for name in given if name not in _STANDARD}
    return more | {**fields}


def _plain(value: Any) -> Any:
    """Returns the value if JSON can hold it; else its text."""
    if isinstance(value, str) or (type(value) in _NUMBERS and abs(value) < _MODEST):
        return value
    try:
        json.dumps(value, allow_nan=False)
    except Exception:
        return _text(value)
    return value


def _text(value: Any) -> str:
    """Returns the text of any value, even if its own code fails."""
    try:
        return str(value)
    except Exception:
        return f"a {type(value).__name__}, whose text can't be had"


def _cut(value: Any, limit: int) -> Any:
    """Returns the value if it is no longer than `limit`; else the beginning and the end of its text."""
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) <= limit:
        return value
    half = limit // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"
