"""Waits for sockets and for points in time: what the stub needs of an event loop, for half of asyncio's CPU.

A stub that slow would be what is measured. `python -m benchmarks.stub_speed` tells what it takes.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import time
from collections.abc import Callable

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Due = tuple[float, int, Callable[[bytes], None], bytes]
"""When to call what with which bytes; the second number keeps those of the same time in order."""


class Loop:
    """Calls back, one call after the other, until it is ended."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: list[Due] = []
        self._order = itertools.count()
        self._ended = False

    def on_readable(self, source: socket.socket | int, call: Callable[[], None]) -> None:
        """Calls whenever there is something to read: once more, while some is left."""
        self._watch(source, _READ, call)

    def on_writable(self, source: socket.socket | int, call: Callable[[], None]) -> None:
        """Calls when there is room to write, instead of what `on_readable` said."""
        self._watch(source, _WRITE, call)

    def forget(self, source: socket.socket) -> None:
        self._selector.unregister(source)

    def later(self, seconds: float, call: Callable[[bytes], None], wire: bytes) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), call, wire))

    def end(self) -> None:
        self._ended = True

    def run(self) -> None:
        """Until it is ended, or a call raises; then closes what it still waits for."""
        select = self._selector.select
        try:
            while not self._ended:
                for key, _ in select(self._call_what_is_due()):
                    key.data()
        finally:
            self._close()

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _call_what_is_due(self) -> float | None:
        """Seconds until the next is due; None if nothing is."""
        due = self._due
        if not due:
            return None
        now = time.monotonic()
        while due and due[0][0] <= now:
            _, _, call, wire = heapq.heappop(due)
            call(wire)
        return max(0.0, due[0][0] - now) if due else None

    def _watch(self, source: socket.socket | int, event: int, call: Callable[[], None]) -> None:
        try:
            self._selector.modify(source, event, call)
        except KeyError:
            self._selector.register(source, event, call)
