"""Writes requests of HTTP/1.1, and reads answers from bytes. It uses no socket and no clock.

It supports the parts that AWS's APIs use (https://www.rfc-editor.org/rfc/rfc9112): a request with a body of
known length, and an answer whose body has a length, comes in chunks, or ends with the connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

MAX_HEAD_BYTES = 65_536
MAX_ANSWER_BYTES = 32 * 1_048_576
"""Limit of a receive's answer: ten of SQS's largest messages are smaller, even with each character
escaped."""

SMALL_BODY_BYTES = 1_048_576
"""Limit of every other answer: an item of DynamoDB has 400 KB at most. Python's objects can be thirty times
as large as their JSON."""

MAX_FRAMING_BYTES = 1_048_576
"""Limit of the bytes around the chunks of a body: their lengths, and the trailer after the last one."""

_NO_BODY = (204, 304)


class BadAnswerError(Exception):
    """The bytes are not an answer of HTTP/1.1, or its end is missing."""


class CutShortError(BadAnswerError):
    """The connection was closed before the answer's end."""


class Head:
    """An answer's first lines. Most headers are never read, so none is searched for before it is read."""

    __slots__ = ("_bytes", "_lower", "status")

    def __init__(self, head: bytes) -> None:
        self._bytes = head
        self._lower = head.lower()
        if not head.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")):
            raise BadAnswerError("it does not speak HTTP/1.1")
        self.status = _number(head[9:12], 10)

    @property
    def keeps(self) -> bool:
        """Returns whether the head says that the connection stays open."""
        return self._lower.startswith(b"http/1.1") and (self.header(b"connection") or "").lower() != "close"

    def header(self, name: bytes) -> str | None:
        """Returns the value of the first header with that name, given in lower case."""
        at = self._lower.find(b"\r\n%b:" % name)
        if at < 0:
            return None
        start = at + len(name) + 3
        end = self._bytes.find(b"\r\n", start)
        return self._bytes[start : end if end >= 0 else None].decode("latin-1").strip()


class HttpAnswer(NamedTuple):
    """An answer. `keep`: whether another request may use the connection."""

    head: Head
    body: bytes | bytearray
    keep: bool

    @property
    def status(self) -> int:
        return self.head.status

    def header(self, name: bytes) -> str | None:
        return self.head.header(name)


def request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Returns the bytes of a request. Names and values are our own: none contains a line break."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"{method} {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


class AnswerReader:
    """Builds one answer from its bytes. Limits its body to `most` bytes, an error's to SMALL_BODY_BYTES."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._before_body = b""
        self._head: Head | None = None
        self._body: _Chunks | _Length | _UntilClosed = _UntilClosed(most)
        self._passed = 0

    @property
    def announced(self) -> int | None:
        """The length of the body, or the most possible without one. None before the head is read."""
        if self._head is None:
            return None
        return self._body.length if isinstance(self._body, _Length) else self._most

    def feed(self, data: bytes) -> HttpAnswer | None:
        """Returns the answer once it is complete. Empty `data` is the stream's end. Raises BadAnswerError."""
        closed = not data
        if self._head is None:
            self._before_body += data
            data = self._read_head()
        if self._head is not None:
            body = self._body.feed(data, closed=closed)
            if body is not None:
                keep = self._head.keeps and not isinstance(self._body, _UntilClosed)
                return HttpAnswer(self._head, body, keep)
        if closed:
            raise CutShortError("the connection was closed before the answer's end")
        return None

    def _read_head(self) -> bytes:
        """Returns the bytes of the body that have come, if the head is complete."""
        while True:
            found, end, rest = self._before_body.partition(b"\r\n\r\n")
            if not end:
                if len(found) > MAX_HEAD_BYTES:
                    raise BadAnswerError(f"the answer's head is larger than {MAX_HEAD_BYTES:,} bytes")
                return b""
            self._before_body, head = rest, Head(found)
            if head.status >= 200:  # otherwise "100 Continue" or similar: the answer comes after it
                self._most = self._most if head.status < 300 else min(self._most, SMALL_BODY_BYTES)
                self._head, self._body = head, _body_after(head, self._most)
                return rest
            self._passed += len(found) + len(end)
            if self._passed > MAX_HEAD_BYTES:
                raise BadAnswerError(f"what comes before the answer is larger than {MAX_HEAD_BYTES:,} bytes")


class _Length:
    """A body of known length. Each piece is written to its final place, so no byte is in memory twice."""

    def __init__(self, length: int, most: int) -> None:
        _check_size(length, most)
        self.length = length
        self._missing = length
        self._first = b""
        self._body = bytearray()

    def feed(self, data: bytes, *, closed: bool) -> bytes | bytearray | None:
        at = self.length - self._missing
        self._missing -= len(data)
        if self._missing < 0:
            raise BadAnswerError("more came than was asked for")
        if self._missing == 0 and at == 0:
            return data
        if at == 0:
            self._first = data  # memory for all of it is taken when the next piece comes
            return None
        if not self._body:
            self._body = bytearray(self.length)
            self._body[: len(self._first)] = self._first
            self._first = b""
        self._body[at : at + len(data)] = data
        return self._body if self._missing == 0 else None


class _UntilClosed:
    """A body that ends with the connection."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._body = bytearray()

    def feed(self, data: bytes, *, closed: bool) -> bytearray | None:
        self._body += data
        _check_size(len(self._body), self._most)
        return self._body if closed else None


class _Chunks:
    """A body in chunks, each after its length, until one of length 0."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._came = bytearray()
        self._body = bytearray()
        self._missing = 0  # of the chunk that has begun
        self._in_chunk = self._after_last = False
        self._framing = 0

    def feed(self, data: bytes, *, closed: bool) -> bytearray | None:
        self._came += data
        at = 0
        while at < len(self._came):
            if self._missing:
                piece = self._came[at : at + self._missing]
                self._body += piece
                self._missing -= len(piece)
                at += len(piece)
                continue
            end = self._came.find(b"\r\n", at)
            if end < 0:
                break
            line = bytes(self._came[at:end])
            at = end + 2
            if self._ends_with(line):
                if at < len(self._came):
                    raise BadAnswerError("more came than was asked for")
                return self._body
        del self._came[:at]
        if len(self._came) > MAX_HEAD_BYTES or self._framing > MAX_FRAMING_BYTES:
            raise BadAnswerError("what surrounds the answer's chunks is too large")
        return None

    def _ends_with(self, line: bytes) -> bool:
        """Takes a line. Returns whether it is the last one."""
        self._framing += len(line) + 2
        if self._after_last:
            return not line
        if self._in_chunk:
            if line:
                raise BadAnswerError("a chunk does not end where it should")
            self._in_chunk = False
            return False
        self._missing = _number(line.partition(b";")[0], 16)
        _check_size(len(self._body) + self._missing, self._most)
        self._in_chunk, self._after_last = self._missing > 0, self._missing == 0
        return False


def _body_after(head: Head, most: int) -> _Chunks | _Length | _UntilClosed:
    if head.status in _NO_BODY:
        return _Length(0, most)
    if head.header(b"transfer-encoding") is not None:
        return _Chunks(most)
    length = head.header(b"content-length")
    return _UntilClosed(most) if length is None else _Length(_number(length.encode("latin-1"), 10), most)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise BadAnswerError(f"the answer is larger than {most:,} bytes")


def _number(digits: bytes, base: int) -> int:
    """Returns a number made of digits only: int() would accept signs, underscores and more."""
    try:
        if digits.isalnum():
            return int(digits, base)
    except ValueError:
        pass
    raise BadAnswerError("a number is missing")
