"""Writes a message into the worker's event, and reads it again.

The message is as ReceiveMessage gave it, with two exceptions: bytes are base64, and a body may be compressed.
The reader trusts nothing in it: an event may come from anybody who may invoke the worker.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

MAX_BODY_BYTES = 1_048_576
"""SQS's limit on a body, and so the limit when a compressed one is inflated
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""

_GZIP = 16 + zlib.MAX_WBITS
"""zlib's number for gzip's format. Its header has no time, so equal bodies make equal events."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once: `json.dumps` would make a new encoder for each call."""

_FASTEST = 1
"""The fastest level. Others take up to ten times as long, and save a tenth of the bytes."""


UNWRITABLE = (TypeError, ValueError, RecursionError)
"""Errors of a message that can't be written, for example half of a surrogate pair, which UTF-8 can't
encode."""


def is_writable(message: Mapping[str, Any]) -> bool:
    """Returns whether the message can be written into an event."""
    try:
        plain(message)
    except UNWRITABLE:
        return False
    return True


def plain(*messages: Mapping[str, Any]) -> bytes:
    """Returns the message as JSON; of several, with commas between them, faster than one by one."""
    return to_json([_without_bytes(message) for message in messages])[1:-1]


def compressed(message: Mapping[str, Any]) -> bytes:
    """Returns the message as JSON, with `BodyGzip` in place of `Body`."""
    body = zlib.compress(message["Body"].encode(), _FASTEST, wbits=_GZIP)
    others = {key: message[key] for key in message if key != "Body"}
    return plain({**others, "BodyGzip": base64.b64encode(body).decode()})


def to_json(value: Any) -> bytes:
    """Returns JSON in as few bytes as possible. Escaped to ASCII, an emoji would be three times as long."""
    return _ENCODER.encode(value).encode()


def has_body(message: Any) -> bool:
    """Returns whether the value can be a message, as it has a body."""
    return isinstance(message, dict) and any(
        isinstance(message.get(key), str) for key in ("Body", "BodyGzip")
    )


def read(message: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a message with a body, written by `plain`, `compressed`, or a person.

    Raises ValueError, TypeError or AttributeError if SQS would not give such a message.
    """
    kept = {key: value for key, value in message.items() if key != "BodyGzip"}
    if "BodyGzip" in message:
        kept["Body"] = _inflated(text(message["BodyGzip"], "`BodyGzip`"))
    text(kept["Body"], "`Body`")
    if kept.get("ReceiptHandle") is not None:
        text(kept["ReceiptHandle"], "`ReceiptHandle`")
    kept["Attributes"] = {
        name: text(str(value) if isinstance(value, int) else value, "a system attribute")
        for name, value in (message.get("Attributes") or {}).items()
    }
    kept["MessageAttributes"] = {
        name: _attribute(name, attribute)
        for name, attribute in (message.get("MessageAttributes") or {}).items()
    }
    return kept


def text(value: Any, what: str) -> str:
    """Returns the value if it is a text that UTF-8 can encode: half a surrogate pair would fail later.

    Raises ValueError, whose text names the value `what`.
    """
    if not isinstance(value, str):
        raise ValueError(f"{what} is no text")
    value.encode()
    return value


def _inflated(body: str) -> str:
    """Returns the text of a compressed body. Stops at MAX_BODY_BYTES: a few bytes could fill the memory."""
    inflating = zlib.decompressobj(_GZIP)
    try:
        found = inflating.decompress(base64.b64decode(body, validate=True), MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"`BodyGzip` is no gzip: {error}") from None
    if len(found) > MAX_BODY_BYTES:
        raise ValueError(f"`BodyGzip` inflates to more than {MAX_BODY_BYTES:,} bytes")
    if not inflating.eof or inflating.unused_data:
        raise ValueError("`BodyGzip` is not one gzip file from its start to its end")
    return found.decode()


def _attribute(name: str, attribute: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(attribute.items())
    text(name, "an attribute's name")
    for key in ("DataType", "StringValue"):
        if key in kept:
            text(kept[key], f"{key} of an attribute")
    if "BinaryValue" in kept:
        kept["BinaryValue"] = base64.b64decode(kept["BinaryValue"], validate=True)
    return kept


def _without_bytes(message: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the message with its bytes in base64."""
    read = dict(message)  # once: a large message parses its texts each time that they are read
    attributes = read.get("MessageAttributes")
    read["MessageAttributes"] = _to_base64(attributes) if attributes else {}
    return read


def _to_base64(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for key, value in attribute.items()
        }
        for name, attribute in attributes.items()
    }
