"""SQS's refusals, in SQS's words.

AWS's API reference has the limits (SendMessage, ReceiveMessage, ChangeMessageVisibility). The codes and texts
come from recorded answers (`tests/contract/recorded`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.dead_letter import MAX_ATTRIBUTES, MAX_MESSAGE_BYTES, size
from shared.ports.queue import (
    MAX_DELAY_SECONDS,
    MAX_PER_CALL,
    MAX_POLL_SECONDS,
    MAX_VISIBILITY_SECONDS,
    REFUSED_CHARACTERS,
    Outgoing,
    QueueError,
)

_TOKEN = re.compile("[!-~]{1,128}")
"""A message group or a deduplication id."""

_ATTRIBUTE_NAME = re.compile(r"(?!\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)")
"""AWS's pages say letters and digits. A recorded answer accepted `øßä` as well."""

_RESERVED_NAMES = ("aws.", "amazon.")
_ATTRIBUTE_TYPE = re.compile(r"(?=.{1,256}$)(String|Number|Binary)(\..+)?")


def refuse_receive(max_messages: int, wait_seconds: int, lease_seconds: int) -> None:
    if not 1 <= max_messages <= MAX_PER_CALL:
        raise invalid(
            max_messages, "MaxNumberOfMessages", f"Must be between 1 and {MAX_PER_CALL}, if provided."
        )
    if not 0 <= wait_seconds <= MAX_POLL_SECONDS:
        limits = f"Must be >= 0 and <= {MAX_POLL_SECONDS}, if provided."
        raise invalid(wait_seconds, "WaitTimeSeconds", limits)
    refuse_visibility(lease_seconds)


def refuse_visibility(seconds: int) -> None:
    if not 0 <= seconds <= MAX_VISIBILITY_SECONDS:
        limits = f"Must be between 0 and {MAX_VISIBILITY_SECONDS}."
        raise invalid(seconds, "VisibilityTimeout", limits)


def refuse_batch(entries: Sequence[object]) -> None:
    if not entries:
        raise QueueError("AWS.SimpleQueueService.EmptyBatchRequest", "There is no entry in the batch.")
    if len(entries) > MAX_PER_CALL:
        raise QueueError(
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MAX_PER_CALL}. You have sent {len(entries)}.",
        )


def refuse_message(message: Outgoing, fifo: bool) -> None:
    if not message.body:
        raise QueueError("MissingParameter", "The request must contain the parameter MessageBody.")
    if re.search(REFUSED_CHARACTERS, message.body):
        raise QueueError("InvalidMessageContents", "Invalid characters in the message body.")
    _refuse_what_the_other_kind_takes(message, fifo)
    for name, token in (
        ("MessageGroupId", message.group),
        ("MessageDeduplicationId", message.deduplication_id),
    ):
        if token is not None and not _TOKEN.fullmatch(token):
            limits = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            raise invalid(token, name, limits)
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise _invalid(
            f"Number of message attributes [{len(message.attributes)}] exceeds the allowed maximum."
        )
    for name, attribute in message.attributes.items():
        _refuse_attribute(name, attribute)
    if size(message.body, message.attributes) > MAX_MESSAGE_BYTES:
        reason = f"Reason: Message must be shorter than {MAX_MESSAGE_BYTES} bytes."
        raise _invalid(f"One or more parameters are invalid. {reason}")


def invalid(value: object, parameter: str, reason: str) -> QueueError:
    """Returns SQS's usual error for a value that it refuses."""
    return _invalid(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def _refuse_what_the_other_kind_takes(message: Outgoing, fifo: bool) -> None:
    wrong_kind = "The request include parameter that is not valid for this queue type."
    if fifo:
        if message.delay_seconds:
            raise invalid(message.delay_seconds, "DelaySeconds", wrong_kind)
        if message.group is None:
            raise QueueError("MissingParameter", "The request must contain the parameter MessageGroupId.")
    elif message.deduplication_id is not None:
        raise invalid(message.deduplication_id, "MessageDeduplicationId", wrong_kind)
    if not 0 <= message.delay_seconds <= MAX_DELAY_SECONDS:
        limits = f"DelaySeconds must be >= 0 and <= {MAX_DELAY_SECONDS}."
        raise invalid(message.delay_seconds, "DelaySeconds", limits)


def _refuse_attribute(name: str, attribute: Mapping[str, Any]) -> None:
    what = f"Message (user) attribute '{name}'"
    if not _ATTRIBUTE_NAME.fullmatch(name) or name.lower().startswith(_RESERVED_NAMES):
        raise _invalid(f"{what} has an invalid name.")
    kind = str(attribute.get("DataType", ""))
    if not _ATTRIBUTE_TYPE.fullmatch(kind):
        raise _invalid(f"{what} has an invalid type.")
    value = attribute.get("BinaryValue" if kind.startswith("Binary") else "StringValue")
    if not value:
        raise _invalid(f"{what} must contain a non-empty value of type '{kind}'.")
    if isinstance(value, str) and re.search(REFUSED_CHARACTERS, value):
        raise _invalid(f"{what} has invalid characters in its value.")


def _invalid(reason: str) -> QueueError:
    return QueueError("InvalidParameterValue", reason)
