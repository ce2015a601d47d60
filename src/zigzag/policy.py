"""The policy of a task: how often it is tried, and how long it waits in between."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, Final

from shared.lease import LONGEST_RUN_SECONDS
from zigzag.values import Value

MAX_TIMEOUT_SECONDS = LONGEST_RUN_SECONDS
"""A task takes so long on a server at most, and 900 s on Lambda
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Backoff(Value):
    """Exponential backoff with full jitter, in seconds.

    The wait after attempt n is drawn evenly between 0 and `first` * 2 ** (n - 1), or `longest` if that is
    less. It is a whole number, at least 1. Jitter keeps tasks that failed together from coming back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """

    __match_args__ = ("first", "longest")

    def __init__(self, first: float = 30, longest: float = 3600) -> None:
        """Raises ValueError unless 0 < first <= longest."""
        if not (_is_number(first) and _is_number(longest) and 0 < first <= longest):
            raise ValueError(f"a backoff needs 0 < first <= longest, not {first} and {longest}")
        self.first: Final = first
        self.longest: Final = longest

    def seconds(self, attempt: int, random: Random) -> int:
        """Returns the seconds to wait after the attempt numbered `attempt`, from 1."""
        doublings = min(attempt - 1, 32)
        ceiling = min(self.longest, self.first * 2**doublings)
        return max(1, math.ceil(random.uniform(0, ceiling)))


_DEFAULT_BACKOFF = Backoff()


class Policy(Value):
    """The settings of a task, as `@task(…)` takes them."""

    __match_args__ = ("attempts", "backoff", "idempotent", "timeout", "unavailable")

    def __init__(
        self,
        attempts: int = 5,
        backoff: Backoff = _DEFAULT_BACKOFF,
        idempotent: bool | Callable[[Any], str] = False,
        timeout: float | None = None,
        unavailable: tuple[type[Exception], ...] = (),
    ) -> None:
        """Raises ValueError, whose text names the values that the argument may have."""
        if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
            raise ValueError(f"attempts is {attempts!r}; it may be a whole number from 1")
        if not isinstance(backoff, Backoff):
            raise ValueError(f"backoff is {backoff!r}; it may be Backoff(first=…, longest=…), in seconds")
        if not isinstance(idempotent, bool) and not callable(idempotent):
            raise ValueError(
                f"idempotent is {idempotent!r}; it may be True, or a function of the payload to a text"
            )
        if timeout is not None and not (_is_number(timeout) and 0 < timeout <= MAX_TIMEOUT_SECONDS):
            raise ValueError(
                f"timeout is {timeout!r}; it may be seconds, more than 0 and at most {MAX_TIMEOUT_SECONDS}"
            )
        if not isinstance(unavailable, tuple) or not all(
            isinstance(one, type) and issubclass(one, Exception) for one in unavailable
        ):
            raise ValueError(f"unavailable is {unavailable!r}; it may be a tuple of classes of exceptions")
        self.attempts: Final = attempts
        self.backoff: Final = backoff
        self.idempotent: Final = idempotent
        self.timeout: Final = timeout
        self.unavailable: Final = unavailable

    def key(self, payload: Any, id: str) -> str:
        """Returns the key of an idempotent task's effect: the task's id, or the answer of its key function.

        Raises TypeError if the answer is not a text, or is empty; and any error of the key function.
        """
        if not callable(self.idempotent):
            return id
        key = self.idempotent(payload)
        if not isinstance(key, str) or not key:
            raise TypeError(f"the key function of an idempotent task returned {type(key).__name__}, no text")
        return key


DEFAULT_POLICY = Policy()
"""The policy of `@task` without settings, and of messages whose task is not found."""
