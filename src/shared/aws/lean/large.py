"""Reads a receive's answer that is large: ten messages of 1 MiB can be 30 MiB of JSON, if they are escaped.

If it were parsed as a whole, memory would hold several copies, with up to four bytes a character. So it is
split as bytes, and each body becomes a text only when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

LARGE_BYTES = 262_144
"""Smaller answers are parsed as a whole, which is faster."""

LONGEST_TEXT_BYTES = 6 * 1_048_576 + 2
"""The longest text: 1 MiB of characters, each escaped as \\uXXXX, and the quotes."""

FIRST_WINDOW_BYTES = 512
"""The part of a text with an escaped quote that is scanned first."""

_BEGINS_OR_ENDS = re.compile(rb'["{}\[\]]')
_MESSAGES, _BODY = re.compile(rb'"Messages"\s*:'), re.compile(rb'"Body"\s*:')


class LargeMessage(Mapping[str, Any]):
    """One message of the answer, whose body stays JSON until it is read.

    others -- all fields except the body.
    body   -- the body's JSON, a part of the answer's bytes.
    """

    def __init__(self, others: dict[str, Any], body: memoryview) -> None:
        self._others = others
        self._body = body

    def __getitem__(self, key: str) -> Any:
        """Returns a field. Raises ValueError if the body is no text."""
        return json.loads(bytes(self._body)) if key == "Body" else self._others[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._others)

    def __len__(self) -> int:
        return len(self._others)


def messages_in(answer: bytes | bytearray) -> list[LargeMessage]:
    """Returns the messages of a receive's answer. Raises ValueError, TypeError or KeyError for a bad one."""
    return [_message(memoryview(answer), *places) for places in _places(answer)]


def _message(answer: memoryview, start: int, end: int, body_start: int, body_end: int) -> LargeMessage:
    others = b'""'.join((answer[start:body_start], answer[body_end:end]))
    return LargeMessage(json.loads(others), answer[body_start:body_end])


def _places(answer: bytes | bytearray) -> Iterator[tuple[int, int, int, int]]:
    """Yields for each message its start and end, and those of its body."""
    depth, start, at, body, after, within = 0, 0, 0, None, None, False
    while found := _BEGINS_OR_ENDS.search(answer, at):
        begin, at = found.span()
        key, after = after, None
        match found[0]:
            case b"{" | b"[":
                depth += 1
                within = key is _MESSAGES if depth == 2 else within
                start = begin if depth == 3 else start
            case b"}" | b"]":
                if depth == 3 and within:
                    if body is None:
                        raise ValueError("a message has no body")
                    yield start, at, *body
                    body = None
                depth -= 1
            case _:
                at = _end_of_text(answer, at)
                if key is _BODY:
                    body = begin, at
                elif depth == 1 and _MESSAGES.match(answer, begin):
                    after = _MESSAGES
                elif depth == 3 and within and _BODY.match(answer, begin):
                    after = _BODY
    if depth != 0:
        raise ValueError("the answer has no end")


def _end_of_text(answer: bytes | bytearray, at: int) -> int:
    """Returns the end of the text whose first character is at `at`."""
    quote = answer.find(b'"', at)
    if quote > at and answer[quote - 1] == ord("\\"):
        # The quote may be escaped, and a million more may follow. json's own scanner is fastest. It needs a
        # text, so each byte becomes a character. Most texts are short, so it gets a short part first.
        size = FIRST_WINDOW_BYTES
        while size < LONGEST_TEXT_BYTES and at + size < len(answer):
            with suppress(ValueError):  # the text may be longer
                return _scanned(answer, at, size)
            size *= 8
        return _scanned(answer, at, LONGEST_TEXT_BYTES)
    if quote < 0:
        raise ValueError("a text has no end")
    return quote + 1


def _scanned(answer: bytes | bytearray, at: int, size: int) -> int:
    _, end = scanstring(str(memoryview(answer)[at : at + size], "latin-1"), 0, False)
    return at + int(end)
