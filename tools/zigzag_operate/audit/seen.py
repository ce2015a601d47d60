"""A set of what has ended, of a bounded size: a number of 64 bits for each."""

from __future__ import annotations

from mmap import mmap
from typing import Any

SLOTS = 2**23
MOST = SLOTS * 3 // 4
"""More than a day of 70 a second. They take 64 MB, and a page of that only once it is used."""


class Seen:
    """What was added. Once it is full, nothing more is.

    slots -- a power of two: so many numbers fit, less a quarter.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = memoryview(mmap(-1, 8 * slots)).cast("Q")
        self._last, self._free = slots - 1, slots * 3 // 4

    @property
    def is_full(self) -> bool:
        return self._free == 0

    def add(self, what: Any) -> None:
        number = _number(what)
        slot = self._slot(number)
        if not self._slots[slot] and self._free:
            self._slots[slot] = number
            self._free -= 1

    def __contains__(self, what: Any) -> bool:
        return self._slots[self._slot(_number(what))] != 0

    def _slot(self, number: int) -> int:
        """Returns the slot of the number, or the free one for it."""
        slot = number & self._last
        while self._slots[slot] not in (0, number):
            slot = (slot + 1) & self._last
        return slot


def _number(what: Any) -> int:
    return (hash(what) & (2**64 - 1)) or 1
