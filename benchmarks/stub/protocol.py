"""Reads requests of HTTP/1.1, and sends each answer at its time.

A connection has one request at a time: no client that we know sends the next one before the answer.
"""

from __future__ import annotations

import re
import socket
import ssl
import time

from benchmarks.stub.answers import Answers
from benchmarks.stub.loop import Loop
from benchmarks.stub.tls import TlsConnection

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATS = b"GET /stats "
_RESET = b"POST /reset "


class Connection(TlsConnection):
    def __init__(self, plain: socket.socket, context: ssl.SSLContext, loop: Loop, answers: Answers) -> None:
        super().__init__(plain, context, loop)
        self._answers = answers
        self._rest = b""
        self._counted_in: object = None

    def received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0 or len(data) < head_end + 4 + _length(data, head_end):
            self._rest = data
            return
        self._rest = b""
        self._answer(data[:head_end], data[head_end + 4 :])

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(_STATS):
            answer = self._answers.stats()
        elif head.startswith(_RESET):
            answer = self._answers.reset(body)
        else:
            if self._counted_in is not self._answers.backlog:
                self._count()
            answer = self._answers.to(head, body)
        if answer.seconds > 0:
            self._loop.later(answer.seconds, self.send, answer.wire)
        else:
            self.send(answer.wire)

    def _count(self) -> None:
        """Counts the connection at its first call. Reads of the counters are no calls."""
        self._counted_in = self._answers.backlog
        counters = self._answers.backlog.counters
        counters.connections += 1
        counters.tls_handshakes += not self.resumed
        if counters.first_call_at is None:
            counters.first_call_at = time.monotonic()


def _length(data: bytes, head_end: int) -> int:
    at = data.find(b"\r\nContent-Length: ", 0, head_end)
    if at >= 0:  # as Python's clients write it: several times as fast as the regular expression
        return int(data[at + 18 : data.index(b"\r\n", at + 18)])
    found = _LENGTH.search(data, 0, head_end)
    return 0 if found is None else int(found.group(1))
