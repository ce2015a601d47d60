"""How often is a task tried, and how long does it wait in between?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter, in seconds.

    The wait after attempt n is drawn evenly between 0 and `first` * 2 ** (n - 1), or `longest` if that
    is less; but at least 1, and whole. Jitter keeps tasks that failed together from coming back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """

    first: float = 30
    longest: float = 3600

    def __post_init__(self) -> None:
        if not (_is_number(self.first) and _is_number(self.longest) and 0 < self.first <= self.longest):
            raise ValueError(f"a backoff needs 0 < first <= longest, not {self.first} and {self.longest}")

    def seconds(self, attempt: int, random: Random) -> int:
        """The wait after the attempt numbered `attempt`, from 1."""
        doublings = min(attempt - 1, 32)
        ceiling = min(self.longest, self.first * 2**doublings)
        return max(1, math.ceil(random.uniform(0, ceiling)))


@dataclass(frozen=True, slots=True)
class Policy:
    """What `@task(…)` says of a task. The default also holds for tasks that nobody knows."""

    attempts: int = 5
    backoff: Backoff = Backoff()
    idempotent: bool | Callable[[Any], str] = False

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or isinstance(self.attempts, bool) or self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts!r}; it may be a whole number from 1")
        if not isinstance(self.backoff, Backoff):
            raise ValueError(
                f"backoff is {self.backoff!r}; it may be Backoff(first=…, longest=…), in seconds"
            )
        if not isinstance(self.idempotent, bool) and not callable(self.idempotent):
            raise ValueError(
                f"idempotent is {self.idempotent!r}; it may be True, or a function of the payload to a text"
            )

    def key(self, payload: Any, id: str) -> str:
        """What makes a call of an idempotent task one: the task's id, or what its key function says.

        Raises TypeError if that says no text, and what the function raises.
        """
        if not callable(self.idempotent):
            return id
        key = self.idempotent(payload)
        if not isinstance(key, str) or not key:
            raise TypeError(f"the key function of an idempotent task returned {type(key).__name__}, no text")
        return key
