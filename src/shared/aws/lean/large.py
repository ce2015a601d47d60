"""Reads a receive's answer that is large: ten messages of 1 MiB can be 30 MiB of JSON, if they are escaped.

If it were parsed as a whole, memory would hold several copies, with up to four bytes a character. So it is
split as bytes, and body and attributes of a message become text only when they are read.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

LARGE_BYTES = 262_144
"""Smaller answers are parsed as a whole, which is faster."""

MAX_TEXT_BYTES = 6 * 1_048_576 + 2
"""The longest text: 1 MiB of characters, each escaped as \\uXXXX, and the quotes."""

FIRST_WINDOW_BYTES = 512
"""The part of a text with an escaped quote that is scanned first."""

BODY, ATTRIBUTES = "Body", "MessageAttributes"

# Compiled by the first large answer: that takes long, and every cold start would wait for it.
_BEGINS_OR_ENDS = rb'["{}\[\]]'
_KEYS = {
    1: rb'"(?P<Messages>Messages)"\s*:\s*\[',
    3: rb'"(?:(?P<Body>Body)"\s*:\s*"|(?P<MessageAttributes>MessageAttributes)"\s*:\s*{)',
}
"""The keys whose values are looked for, by the number of objects and arrays around them."""


class LargeMessage(Mapping[str, Any]):
    """One message of the answer, whose body and attributes stay JSON until they are read.

    others     -- all fields, with an empty body and no attributes.
    body       -- the body's JSON, a part of the answer's bytes.
    attributes -- the JSON of each attribute. Parsed together, they would need several times the memory.
    """

    def __init__(self, others: dict[str, Any], body: memoryview, attributes: Sequence[memoryview]) -> None:
        self._others = others
        self._body = body
        self._attributes = attributes

    def __getitem__(self, key: str) -> Any:
        """Returns a field. Raises ValueError if the body or an attribute is no JSON."""
        if key == BODY:
            return json.loads(bytes(self._body))
        if key == ATTRIBUTES and self._attributes:
            read: dict[str, Any] = {}
            for attribute in self._attributes:
                read |= json.loads(b"{%b}" % bytes(attribute).strip(b", \r\n\t"))
            return with_bytes(read)
        return self._others[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._others)

    def __len__(self) -> int:
        return len(self._others)


def with_bytes(attributes: Any) -> Any:
    """Returns a message's attributes with their base64 decoded. Malformed ones stay unchanged."""
    with suppress(ValueError, TypeError, AttributeError):
        for attribute in attributes.values():
            if "BinaryValue" in attribute:
                attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    return attributes


def messages_in(answer: bytes | bytearray) -> list[LargeMessage]:
    """Returns the messages of a receive's answer. Raises ValueError, TypeError or KeyError for a bad one."""
    return [_message(memoryview(answer), *places) for places in _places(answer)]


def _message(answer: memoryview, start: int, end: int, cuts: Mapping[str, list[int]]) -> LargeMessage:
    if BODY not in cuts:
        raise ValueError("a message has no body")
    others = []
    for places in sorted(cuts.values()):
        others.append(answer[start : places[0]])
        start = places[-1]
    return LargeMessage(
        json.loads(b"".join((*others, answer[start:end]))),
        answer[cuts[BODY][0] - 1 : cuts[BODY][1] + 1],
        [answer[begin:after] for begin, after in pairwise(cuts.get(ATTRIBUTES, ()))],
    )


def _places(answer: bytes | bytearray) -> Iterator[tuple[int, int, dict[str, list[int]]]]:
    """Yields for each message its start and end, and the places where its body and its attributes are cut:
    within their quotes and brackets, and after each attribute."""
    start, part, within = 0, "", False
    cuts: dict[str, list[int]] = {}
    for what, depth, key, begin, at in _tokens(answer):
        if what == b'"':
            if key:
                cuts[key] = [begin + 1, at - 1]
        elif what in (b"{", b"["):
            if depth == 1:
                within = bool(key)
            elif depth == 2:
                start, cuts = begin, {}
            elif depth == 3:
                part, cuts[key] = key, [at]
        elif depth in (3, 4):
            cuts[part].append(begin if depth == 3 else at)
        elif depth == 2 and within:
            cuts.pop("", None)
            yield start, at, cuts


def _tokens(answer: bytes | bytearray) -> Iterator[tuple[bytes, int, str, int, int]]:
    """Yields each text and each bracket: the number of objects and arrays around it, the key of _KEYS whose
    value it is, its start and its end."""
    begins_or_ends = re.compile(_BEGINS_OR_ENDS)
    keys = {depth: re.compile(key) for depth, key in _KEYS.items()}
    depth, at, key = 0, 0, ""
    while found := begins_or_ends.search(answer, at):
        begin, at = found.span()
        what, of, key = found[0], key, ""
        if what == b'"':
            at = _end_of_text(answer, at)
            named = keys[depth].match(answer, begin) if depth in keys else None
            key = (named and named.lastgroup) or ""
        depth -= what in (b"}", b"]")
        yield what, depth, of, begin, at
        depth += what in (b"{", b"[")
    if depth != 0:
        raise ValueError("the answer has no end")


def _end_of_text(answer: bytes | bytearray, at: int) -> int:
    """Returns the end of the text whose first character is at `at`."""
    quote = answer.find(b'"', at)
    if quote > at and answer[quote - 1] == ord("\\"):
        # The quote may be escaped, and a million more may follow. json's own scanner is fastest. It needs a
        # text, so each byte becomes a character. Most texts are short, so it gets a short part first.
        size = FIRST_WINDOW_BYTES
        while size < MAX_TEXT_BYTES and at + size < len(answer):
            with suppress(ValueError):  # the text may be longer
                return _scanned(answer, at, size)
            size *= 8
        return _scanned(answer, at, MAX_TEXT_BYTES)
    if quote < 0:
        raise ValueError("a text has no end")
    return quote + 1


def _scanned(answer: bytes | bytearray, at: int, size: int) -> int:
    _, end = scanstring(str(memoryview(answer)[at : at + size], "latin-1"), 0, False)
    return at + int(end)
