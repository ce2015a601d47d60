"""The one attribute that a note keeps, as SQS takes ten: read from a note that anybody may have written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.ports.queue import REFUSED_CHARACTERS

_NAME = r"(?i)(?!AWS\.|Amazon\.|\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)"
_TYPE = r"(String|Number|Binary)(\..{1,200})?"
_NUMBER = r"[0-9eE.+-]+"
"""Patterns of attributes that SQS accepts
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html)."""


def written(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns attributes for JSON: a binary value becomes hexadecimal."""
    return {
        name: {key: value.hex() if isinstance(value, bytes) else value for key, value in attribute.items()}
        for name, attribute in attributes.items()
    }


def read(value: Any, note: str) -> dict[str, dict[str, Any]]:
    """Returns the one attribute in a note, in SQS's form; {} if SQS would not accept it.

    note -- the name that it may not have: the note's own.
    """
    if not isinstance(value, dict) or len(value) != 1:
        return {}
    ((name, attribute),) = value.items()
    if not isinstance(attribute, dict) or name == note or not re.fullmatch(_NAME, name):
        return {}
    kind, text, hexadecimal = (attribute.get(key) for key in ("DataType", "StringValue", "BinaryValue"))
    if not isinstance(kind, str) or not re.fullmatch(_TYPE, kind) or re.search(REFUSED_CHARACTERS, kind):
        return {}
    if kind.startswith("Binary"):
        content = _bytes(hexadecimal)
        return {name: {"DataType": kind, "BinaryValue": content}} if content else {}
    if not isinstance(text, str) or not text or re.search(REFUSED_CHARACTERS, text):
        return {}
    if kind.startswith("Number") and not _is_number(text):
        return {}
    return {name: {"DataType": kind, "StringValue": text}}


def _bytes(hexadecimal: Any) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except (TypeError, ValueError):
        return b""


def _is_number(text: str) -> bool:
    """Returns whether SQS accepts the text as a number: 38 digits, from 10^-128 to 10^126."""
    try:
        number = Decimal(text) if re.fullmatch(_NUMBER, text) else Decimal("NaN")
    except InvalidOperation:
        return False
    return number.is_finite() and len(number.as_tuple().digits) <= 38 and -128 <= number.adjusted() <= 126
