"""Waits for signals in the main thread, one after the other."""

from __future__ import annotations

import os
import select
import signal
from math import inf
from types import FrameType
from typing import Any, Self

MAX_SLEEP_SECONDS = 3600.0


class Signals:
    """Receives these signals while its `with` block runs. Child processes have the default again."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._reads, False)
        os.set_blocking(self._writes, False)
        self._before = [signal.signal(number, _nothing) for number in self._numbers]
        self._woke = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._woke)
        for number, handler in zip(self._numbers, self._before, strict=True):
            signal.signal(number, handler)
        os.close(self._reads)
        os.close(self._writes)

    def wait(self, seconds: float) -> list[int]:
        """Returns the signals that have come; none after `seconds`."""
        waiting = select.poll()
        waiting.register(self._reads, select.POLLIN)
        seconds = min(seconds, MAX_SLEEP_SECONDS) if seconds != inf else MAX_SLEEP_SECONDS
        if not waiting.poll(seconds * 1000):
            return []
        try:
            return list(os.read(self._reads, 4096))
        except BlockingIOError:
            return []


def _nothing(number: int, frame: FrameType | None) -> None:
    """Does nothing: the pipe tells of the signal."""
