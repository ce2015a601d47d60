"""The MD5 sums that SQS gives for a body and for attributes, when it takes and when it gives a message.

SQS's documentation has the algorithm
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html). They
find accidents, such as mixed-up answers. Against a forger, TLS helps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

_TEXT, _BYTES = b"\x01", b"\x02"


def md5_of_body(body: str) -> str:
    """Returns the MD5 of a body in hexadecimal, as SQS has it."""
    return hashlib.md5(body.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Returns the MD5 of message attributes, each `{"DataType": …, "StringValue" or "BinaryValue": …}`.
    Returns None if there are none, as SQS gives no MD5 then. Raises KeyError, TypeError or AttributeError if
    one is malformed."""
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        text = attribute.get("StringValue")
        kind, data = (_BYTES, attribute["BinaryValue"]) if text is None else (_TEXT, text.encode())
        digest.update(_counted(name.encode()) + _counted(attribute["DataType"].encode()))
        digest.update(kind + _counted(data))
    return digest.hexdigest()


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data
