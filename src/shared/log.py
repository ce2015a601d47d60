"""What does a log line look like? One JSON object a line, wherever the code runs.

A line is made of printable ASCII: whatever a message holds is escaped in it, so that no text can end
the line, begin another, or reach a terminal as a command. Payloads are never logged by our code.

In a function, our own lines go their own way to its output: tasks set Python's logging up as they please.
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
"""The field that CloudWatch makes metrics of, by the embedded metric format. Each metric is paid for, so only
our own lines may have it: a task that logs a payload as fields must not let a message write it."""

MAX_LINE_BYTES = 60_000
"""A longer line can come out of Lambda in two: it goes through a pipe, and that holds 65,536."""

_MAX_CHARACTERS = (16_000, 4_000, 1_000, 100)
"""Of one text in a line; with less, where all of them together are too long."""


_STANDARD = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "fields"}
"""What every record has; what else there is came by `extra`."""

_NUMBERS = (bool, int, float)
_MODEST = 1e15
"""JSON can hold what is smaller: `nan` is not, nor an int of thousands of digits."""


class JsonFormatter(logging.Formatter):
    """A record as JSON: timestamp, level, message, then the fields given to `write`.

    What is too long loses its middle. Whatever is logged, there is a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        return _line_of(record)


def configure() -> None:
    """Sends all logging to standard output, a JSON object a line; called once by a function's `app.py`.

    Lambda, `sam local` and the local AWS each put a handler of their own on the root logger, with
    formats of their own; ours replaces it.
    """
    global _function
    _function = _Function()
    logging.basicConfig(level=logging.INFO, handlers=[_Handler(_function.output)], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells where it found credentials


def write(level: int, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
    """Logs `message` with its fields but those that are None, and the traceback of `error`.

    The field `_aws` is for CloudWatch: it is never cut.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    if _function is None:
        LOGGER.log(level, message, extra={"fields": known}, exc_info=error)
    else:
        raised = None if error is None else traceback_of(error)
        fields = {name: _plain(value) for name, value in known.items()}
        _function.output.write(_line(time(), _LEVELS[level], message, raised, fields, ours=True))


def restore() -> None:
    """Undoes what a task has done to the function's standard output and standard error."""
    if _function is not None:
        _function.output.restore()


def flush() -> None:
    """What was written goes out, before a process ends as it is. Lines of a function are out already."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()


def of_a_task(fields: Mapping[str, Any]) -> logging.LoggerAdapter[logging.Logger]:
    """What a task logs with: each of its lines has these fields."""
    logger = logging.getLogger("zigzag.task") if _function is None else _function.logger()
    return _OfATask(logger, {"fields": fields})


class _Handler(logging.Handler):
    """Writes records as JSON to a function's output."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.write(_line_of(record))


class _Function:
    """What a function logs with. Python's logging does not know it, so no set-up reaches it."""

    def __init__(self) -> None:
        self.output = Output()
        self._handler = _Handler(self.output)

    def logger(self) -> logging.Logger:
        """That of one attempt: no level or filter that it sets is there for the next one."""
        logger = logging.Logger("zigzag.task", logging.INFO)
        logger.manager = logging.Manager(logger)  # type: ignore[arg-type]  # else `logging.disable` reached it
        logger.handlers = [self._handler]  # `addHandler` would take a lock
        return logger


_function: _Function | None = None
"""None where there is no function, as in a test: then our lines are Python's logging's."""

_LEVELS = {level: logging.getLevelName(level) for level in (logging.INFO, logging.WARNING, logging.ERROR)}


class _OfATask(logging.LoggerAdapter[logging.Logger]):
    """Adds fields to those that a task gives itself."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        ours = (self.extra or {})["fields"]
        extra = {**(kwargs.get("extra") or {})}
        given = extra.get("fields", {})
        extra["fields"] = {**(given if isinstance(given, Mapping) else {"fields": given}), **ours}  # type: ignore[dict-item]
        return msg, {**kwargs, "extra": extra}


def _line(
    created: float, level: str, message: str, raised: str | None, fields: dict[str, Any], *, ours: bool
) -> str:
    """The line. What is too long loses its middle; only ours may have metrics."""
    line: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "message": message,
    }
    if raised is not None:
        line["traceback"] = raised.rstrip("\n")
    metrics = fields.pop(METRICS, None)
    whole = {METRICS: metrics} if metrics is not None and ours else {}
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


def _line_of(record: logging.LogRecord) -> str:
    error = record.exc_info and record.exc_info[1]
    raised = traceback_of(error) if error else None
    ours = record.name == LOGGER.name
    return _line(record.created, record.levelname, _message(record), raised, _fields(record), ours=ours)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # a task's own line, whose arguments do not fit: Python would print it as it is
        return f"{_text(record.msg)} (its arguments don't fit: {record.pathname}:{record.lineno})"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, "fields", {})
    if not isinstance(fields, Mapping):  # somebody else's word for something else
        fields = {"fields": fields}
    given = record.__dict__
    more = {name: given[name] for name in given if name not in _STANDARD}
    return {_text(name): _plain(value) for name, value in (more | {**fields}).items()}


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
