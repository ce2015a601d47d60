"""A service that tasks call. It may be away, or refuse what is above a limit."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

UNLIMITED = 1e6


class Service:
    """A service with a limit.

    limit   -- tells how many calls a second it takes at a time, in seconds. 0: it is away.
    refuses -- the share of calls that it refuses as well, at random.
    """

    def __init__(self, limit: Callable[[float], float] = lambda now: UNLIMITED) -> None:
        self.refuses = 0.0
        self._limit = limit
        self._bucket, self._filled = 1.0, 0.0
        self._random = Random(1)

    def accepts(self, now: float) -> bool:
        """Fills a bucket at the limit; it holds the calls of one second."""
        limit = self._limit(now)
        self._bucket = min(max(1.0, limit), self._bucket + limit * (now - self._filled))
        self._filled = now
        if self._bucket < 1 or self._random.random() < self.refuses:
            return False
        self._bucket -= 1
        return True
