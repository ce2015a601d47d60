"""Makes the next task, with the checks that its message has to pass later: `then` stands in a task before its
effect, where an error still costs nothing."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from shared.ports.queue import REFUSED_CHARACTERS
from zigzag.errors import STORE_IT, PayloadTooLargeError
from zigzag.values import Next

MAX_FOLLOW_UP_BYTES = 65_536
"""Most bytes of a next task's payload, and of a reply's result, as JSON. A record takes 400 KB, and each byte
may be four there, as a letter's record escapes a quote twice more
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""


def next_of(task: str, payload: dict[str, Any], queue: str | None, group: str | None) -> Next:
    """Returns the next task, with a copy of the payload. Raises BadPayloadError, PayloadTooLargeError, or
    SendError."""
    from zigzag import send
    from zigzag.outbox import standing_in, url_of

    check_size(task, payload)
    message = send.compose(task, payload, send.Options(group=group), "")
    if queue is not None and standing_in(queue) is None and "ZIGZAG_QUEUE_URL" in os.environ:
        url_of(queue)  # outside of a stack, nobody knows its queues
    return Next(task, json.loads(message.body)["payload"], queue, group)


def check_size(task: str, payload: dict[str, Any]) -> None:
    """Raises PayloadTooLargeError if the payload is too large for a next task."""
    if (size := len(as_text(payload).encode())) > MAX_FOLLOW_UP_BYTES:
        raise PayloadTooLargeError(
            f"the payload for {task} has {size:,} bytes as JSON, and a next task's at most "
            f"{MAX_FOLLOW_UP_BYTES:,}: {STORE_IT}"
        )


def as_text(value: Any) -> str:
    """Returns JSON, in ASCII if it has characters that SQS refuses, or DEL, which grows to six bytes in a
    letter's record. Raises as `json.dumps`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return json.dumps(value) if "\x7f" in text or re.search(REFUSED_CHARACTERS, text) else text
