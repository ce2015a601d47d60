"""The stub's queue: a number of equal messages, each received once, and the counts of all calls for them."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

BODY = '{"task": "hello", "payload": {"name": "world"}}'

MAX_AT_ONCE = 10
"""Most messages of a receive."""

_MESSAGE_IDS = re.compile(rb'"MessageId": ?"([0-9a-f]{8})-0000-4000-8000-000000000000"')
_HANDLES = re.compile(rb'"ReceiptHandle": ?"([0-9a-f]{8})AQEB')
_HANDLE_END = "AQEB" * 42
"""The rest of a receipt handle: SQS's have about 180 characters."""


@dataclass(slots=True)
class Counters:
    """The counts since the last reset. Times are those of `time.monotonic`.

    messages         -- messages that were received.
    dispatched       -- messages in all invokes; `dispatched_once` counts those in exactly one.
    deletes          -- calls; `deleted` counts their messages, `deleted_once` those in exactly one call.
                        `postponements` and `postponed` are alike, and so are `sends` and `sent`.
    connections      -- connections with at least one call.
    tls_handshakes   -- complete handshakes, without those that resumed a session.
    """

    receives: int = 0
    empty_receives: int = 0
    messages: int = 0
    invokes: int = 0
    dispatched: int = 0
    deletes: int = 0
    deleted: int = 0
    postponements: int = 0
    postponed: int = 0
    sends: int = 0
    sent: int = 0
    counts: int = 0
    record_changes: int = 0
    connections: int = 0
    tls_handshakes: int = 0
    first_call_at: float | None = None
    last_invoke_at: float | None = None
    last_delete_at: float | None = None


class Backlog:
    """A backlog of `size` messages.

    body -- the body of every message.
    more -- further fields of every message, such as `MessageAttributes`. They are UTF-8; the body is escaped.
    """

    def __init__(self, size: int = 0, body: str = BODY, more: Mapping[str, Any] | None = None) -> None:
        self.counters = Counters()
        self.started: list[str] = []  # events without a message: a consumer starts others by them
        self._size = size
        self._dispatches = bytearray(size)  # for each message, at most 255
        self._deletions = bytearray(size)
        now = str(int(time.time() * 1000))
        attributes = {
            "SenderId": "AIDAEXAMPLE",
            "SentTimestamp": now,
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": now,
        }
        md5 = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        known = json.dumps({"MD5OfBody": md5, "Body": body, "Attributes": attributes})
        written = json.dumps(more, ensure_ascii=False) if more else "{}"
        rest = f"{known[1:-1]}{', ' * bool(more)}{written[1:]}".replace("%", "%%")
        start = f'{{"ReceiptHandle":"%08x{_HANDLE_END}","MessageId":"%08x'
        self._message = f'{start}-0000-4000-8000-000000000000",{rest}'.encode()
        """It has two places for its number, which is its MessageId, so that the invoke has it as well."""
        self._full = self._messages(MAX_AT_ONCE)

    def receive(self, most: int) -> bytes | None:
        """Returns up to `most` messages as ReceiveMessage's JSON, or None without messages."""
        counters = self.counters
        counters.receives += 1
        first = counters.messages
        number = min(most, self._size - first)
        if number == 0:
            counters.empty_receives += 1
            return None
        counters.messages += number
        messages = self._full if number == MAX_AT_ONCE else self._messages(number)
        return messages % tuple(one for one in range(first, first + number) for _ in range(2))

    def invoked(self, payload: bytes) -> float:
        """Notes the messages of an invoke. Returns the time."""
        counters = self.counters
        counters.invokes += 1
        numbers = _MESSAGE_IDS.findall(payload)
        if not numbers:
            self.started.append(payload.decode())
        counters.dispatched += len(numbers)
        _note(self._dispatches, numbers)
        counters.last_invoke_at = time.monotonic()
        return counters.last_invoke_at

    def deleted(self, asked: bytes, number: int) -> None:
        """Notes a call that deletes `number` messages."""
        self.counters.deletes += 1
        self.counters.deleted += number
        self.counters.last_delete_at = time.monotonic()
        _note(self._deletions, _HANDLES.findall(asked))

    def _messages(self, number: int) -> bytes:
        return b'{"Messages":[%b]}' % b",".join([self._message] * number)

    def in_flight(self) -> int:
        return self.counters.messages - self.counters.deleted

    def waiting(self) -> int:
        return self._size - self.counters.messages

    def stats(self) -> dict[str, Any]:
        return {
            **asdict(self.counters),
            "dispatched_once": self._dispatches.count(1),
            "deleted_once": self._deletions.count(1),
            "waiting": self.waiting(),
            "started": self.started,
        }


def _note(times: bytearray, numbers: list[bytes]) -> None:
    for number in numbers:
        one = int(number, 16)
        if one < len(times) and times[one] < 255:
            times[one] += 1
