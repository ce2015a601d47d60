"""Waits for sockets and times, as the stub's event loop, with half of asyncio's processor time.

With asyncio, the stub would be the limit in measurements. `python -m benchmarks.stub_speed` measures it.
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
"""The time of a call, its order among those of the same time, the function, and its bytes."""


class Loop:
    """Makes callbacks, one after the other, until `end`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: list[Due] = []
        self._order = itertools.count()
        self._ended = False

    def on_readable(self, source: socket.socket | int, call: Callable[[], None]) -> None:
        """Calls whenever there are bytes to read, and again while some are left."""
        self._watch(source, _READ, call)

    def on_writable(self, source: socket.socket | int, call: Callable[[], None]) -> None:
        """Calls when bytes can be written. It replaces the call of `on_readable`."""
        self._watch(source, _WRITE, call)

    def forget(self, source: socket.socket) -> None:
        self._selector.unregister(source)

    def later(self, seconds: float, call: Callable[[bytes], None], wire: bytes) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), call, wire))

    def end(self) -> None:
        self._ended = True

    def run(self) -> None:
        """Runs until `end`, or until a call raises. Then closes all sockets that it waits for."""
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
        """Makes the calls that are due. Returns the seconds until the next one; None without one."""
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
