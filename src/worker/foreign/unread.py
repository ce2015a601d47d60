"""Says what a body seems to be that no task can read, and what its sender can do about it."""

from __future__ import annotations

import json
import re
from typing import Any

_BY_ATTRIBUTE = (
    "send it with the message attribute `task`, the name of a task: then the whole body is the payload"
)

_KEYS = {
    "a job of Laravel": {"job", "data"},
    "a job of Rails' ActiveJob": {"job_class", "arguments"},
    "a job of Sidekiq": {"class", "args"},
    "a CloudEvent": {"specversion", "type", "source"},
    "a notification of SES": {"mail", "notificationType"},
    "an event of SES": {"mail", "eventType"},
    "a pointer to an object in S3, which must be in the form of the SQS extended client": {"s3BucketName"},
    "an event for a function, with records": {"Records"},
}

_TEXTS = (
    ("\ufeff", "it begins with a byte order mark: leave that out"),
    (r"\s*H4sI[A-Za-z0-9+/]+", "it seems to be gzip in base64: send the JSON itself"),
    (r"\s*\{\s*'", "it seems to be a Python dict as `str` writes it: use json.dumps"),
    (r"\s*\[object ", "it seems to be an object that JavaScript made a text of: use JSON.stringify"),
    (r"\s*<", "it seems to be XML: send JSON"),
    (r"[A-Za-z0-9+/\s]{8,}+={0,2}+\s*+$", "it seems to be base64 of something else than JSON: send JSON"),
    (r"[\w.%+\-\[\]]++=[^{}]*+$", "it seems to be a form: send JSON"),
)


def hint(text: str, body: dict[str, Any] | None) -> str:
    """Returns the rest of a sentence about a body, or nothing; never a value, which may be private.

    body -- the JSON object that the text is, if it is one.
    """
    if body is not None:
        found = next((what for what, keys in _KEYS.items() if keys <= set(body)), None)
        return f"; it seems to be {found}: {_BY_ATTRIBUTE}" if found else f"; or {_BY_ATTRIBUTE}"
    if said := next((said for pattern, said in _TEXTS if re.match(pattern, text)), None):
        return f"; {said}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, list):
        return "; send each of its elements as a message of its own"
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return "; it seems to be JSON that was made JSON twice: send the inner one"
    return ""
