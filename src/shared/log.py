"""What does a log line look like? One JSON object a line, wherever the code runs.

Payloads are never logged by our code.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("zigzag")


class JsonFormatter(logging.Formatter):
    """A record as JSON: timestamp, level, message, then the fields given to `write`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


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
    """Logs `message` with its fields but those that are None, and the traceback of `error`."""
    known = {name: value for name, value in fields.items() if value is not None}
    LOGGER.log(level, message, extra={"fields": known}, exc_info=error)
