"""The MD5 by which SQS says what it took, and what it gives: of a body, and of attributes.

SQS's documentation has the algorithm
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html).
It finds accidents, such as answers that were mixed up; against a forger it is TLS that helps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

_TEXT, _BYTES = b"\x01", b"\x02"


def md5_of_body(body: str) -> str:
    """In hexadecimal, as SQS has it."""
    return hashlib.md5(body.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Of message attributes, each `{"DataType": …, "StringValue" or "BinaryValue": …}`; None if there are
    none, since SQS says nothing of them then. Raises KeyError, TypeError or AttributeError if one is odd."""
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
