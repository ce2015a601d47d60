"""One dead letter, as it is read from SQS: its note, or what else tells why it is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.dead_letter import MAX_ID_CHARACTERS, MAX_REASON_CHARACTERS, MAX_TRACEBACK_CHARACTERS, NOTE
from zigzag.body import MAX_NAME_CHARACTERS
from zigzag.policy import NOTIFY
from zigzag_operate.reasons import group_of
from zigzag_operate.who import MAX_BY_CHARACTERS

_LAST_SECOND = 32_503_680_000
"""The end of the year 2999: a later time is none that we wrote."""

BY_SQS = "moved by SQS itself, after the most receives that its queue allows"
BY_SNS = "not delivered by SNS"
BY_OTHERS = "no note of Zigzag's: from another program, or too large to have one"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. The texts are a sender's or a task's, and are shortened.

    group      -- the name of its group.
    id, task   -- None if nobody knows.
    died       -- when it was moved here, in epoch seconds; without a note, when it was sent.
    message_id -- the MessageId of the message that it was at first.
    letter_id  -- its own MessageId in the dead-letter queue.
    by         -- who redrove it, or edited it, before it died again; None if nobody did, or it is not noted.
    repair     -- the name of the task that was sent to repair it, before it came here; None if none was.
    queue      -- the name that SQS gives the queue on which it was, such as zigzag-TaskQueue-1A2B3C.
    body       -- the message's body, if it was asked for.
    """

    group: str
    reason: str
    task: str | None
    id: str | None
    died: float
    attempts: int | None
    error: str | None
    traceback: str | None
    message_id: str
    letter_id: str
    by: str | None = None
    repair: str | None = None
    queue: str | None = None
    body: str | None = None


def letter_of(message: Mapping[str, Any], *, payload: bool = False) -> Letter:
    """Returns the letter that a message of boto3's is. Anybody can have written what is in it."""
    attributes, system = message.get("MessageAttributes", {}), message.get("Attributes", {})
    note = _note_of(attributes)
    task = _text(note, "task", MAX_NAME_CHARACTERS)
    reason = _text(note, "reason", MAX_REASON_CHARACTERS) or _without_note(message, attributes, system)
    attempts = note.get("attempts")
    return Letter(
        group=group_of(reason, task),
        reason=reason,
        task=task,
        id=_text(note, "id", MAX_ID_CHARACTERS),
        died=_seconds(note.get("moved")) or _seconds(_number(system.get("SentTimestamp")) / 1000) or 0.0,
        attempts=attempts if type(attempts) is int else None,
        error=_text(note, "error", MAX_REASON_CHARACTERS),
        traceback=_text(note, "traceback", MAX_TRACEBACK_CHARACTERS),
        message_id=_text(note, "message_id", MAX_ID_CHARACTERS) or str(message["MessageId"]),
        letter_id=str(message["MessageId"]),
        by=_text(note, "redriven_by", MAX_BY_CHARACTERS),
        repair=None if (word := _text(note, "on_failure", MAX_NAME_CHARACTERS)) == NOTIFY else word,
        queue=_queue(note, system),
        body=str(message.get("Body", "")) if payload else None,
    )


def _without_note(
    message: Mapping[str, Any], attributes: Mapping[str, Any], system: Mapping[str, Any]
) -> str:
    """Returns why a letter is here that Zigzag did not write. For its attributes see
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html (also of a schedule) and
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
    """
    if "DeadLetterQueueSourceArn" in system:
        return BY_SQS
    for who, code, words in (
        ("EventBridge", "ERROR_CODE", "ERROR_MESSAGE"),
        ("SNS or Lambda", "ErrorCode", "ErrorMessage"),
    ):
        if code in attributes or words in attributes:
            said = (str(attributes.get(name, {}).get("StringValue", "")) for name in (code, words))
            return ": ".join((f"not delivered by {who}", *filter(None, said)))[:MAX_REASON_CHARACTERS]
    body = str(message.get("Body", ""))
    return (
        BY_SNS if body.startswith("{") and '"TopicArn"' in body and '"SigningCertURL"' in body else BY_OTHERS
    )


def _queue(note: Mapping[str, Any], system: Mapping[str, Any]) -> str | None:
    url, arn = _text(note, "source", MAX_REASON_CHARACTERS), str(system.get("DeadLetterQueueSourceArn", ""))
    return (url or "").rpartition("/")[2] or arn.rpartition(":")[2] or None


def _note_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the note; {} if there is none with a reason."""
    try:
        note = json.loads(attributes[NOTE]["StringValue"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("reason"), str) else {}


def _text(note: Mapping[str, Any], name: str, most: int) -> str | None:
    value = note.get(name)
    return value[:most] if isinstance(value, str) and value else None


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return 0.0


def _seconds(value: Any) -> float | None:
    """Returns a time in epoch seconds, or None if it is none."""
    return float(value) if type(value) in (int, float) and 0 < value < _LAST_SECOND else None
