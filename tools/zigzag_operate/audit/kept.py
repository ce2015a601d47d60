"""Keeps what the judge remembers of each message, in a bounded number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator


class Kept[K: Hashable, V]:
    """Values by their keys, in the order in which they came.

    texts -- returns the texts of a key and its value.
    fixed -- how many bytes both take besides these.
    most  -- how many bytes all may take, before the oldest has to go.
    """

    def __init__(self, texts: Callable[[K, V], Iterator[str]], fixed: int, most: int) -> None:
        self._texts, self._fixed, self._most = texts, fixed, most
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    @property
    def is_over(self) -> bool:
        return self._bytes > self._most

    def __len__(self) -> int:
        return len(self._held)

    def put(self, key: K, value: V) -> None:
        size = self._fixed + sum(map(str.__sizeof__, self._texts(key, value)))
        self._held[key] = value, size
        self._bytes += size

    def take(self, key: K) -> V | None:
        """Returns the value, which is then not kept any more, or None."""
        value, size = self._held.pop(key, (None, 0))
        self._bytes -= size
        return value

    def oldest(self) -> tuple[K, V]:
        key = next(iter(self._held))
        return key, self._held[key][0]

    def values(self) -> Iterator[V]:
        return (value for value, _ in self._held.values())
