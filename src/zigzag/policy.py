"""The policy of a task: how often it is tried, and how long it waits in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final, TypeIs

from shared.lease import KEPT_SECONDS, MAX_RUN_SECONDS
from zigzag.values import Done, Value

MAX_TIMEOUT_SECONDS = MAX_RUN_SECONDS
"""A task takes so long on a server at most, and 900 s on Lambda
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


DEAD_LETTER, IGNORE, NOTIFY = "dead-letter", "ignore", "notify"
"""The words for what happens when a task has failed. Any other word is the name of a task that repairs it."""

DEFAULT = "default"
"""The key of a mapping by exceptions for all others."""


def _is_number(value: object) -> TypeIs[int | float]:
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

type OnFailure = str | Mapping[Any, str] | tuple[tuple[Any, str], ...]
"""One word, or a word for each class of exceptions; as pairs, if it comes from another policy."""

_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def _is_word(word: object) -> bool:
    return isinstance(word, str) and (word == DEAD_LETTER or word.isidentifier())


def _is_mapping(given: object) -> bool:
    pairs = given.items() if isinstance(given, Mapping) else given if isinstance(given, tuple) else ()
    return bool(pairs) and all(
        _is_word(word) and (key == DEFAULT or (isinstance(key, type) and issubclass(key, Exception)))
        for key, word in pairs
    )


_COROUTINE = 0x80  # the flag of an `async def`, as in zigzag.task

type FindDone = Callable[[str, str], Done | None]
"""Takes a task's name and id, and returns whether the task is done, by its own database."""


def _check_records(idempotent: object, done: object) -> None:
    """Raises ValueError."""
    if not isinstance(idempotent, bool) and not callable(idempotent):
        raise ValueError(
            f"idempotent is {idempotent!r}; it may be True, or a function of the payload to a text"
        )
    if done is not None and not callable(done):
        raise ValueError(
            f"done is {done!r}; it may be a function of the task's name and id to Done(…) or None"
        )
    for name, function in (("idempotent", idempotent), ("done", done)):
        if getattr(getattr(function, "__code__", None), "co_flags", 0) & _COROUTINE:
            raise ValueError(f"{name} is an `async def`: nothing would await it; write `def`")
    if done is not None and idempotent:
        raise ValueError("done and idempotent are two records of one thing: choose the one that is to count")


def _check_ends(on_failure: object, start_within: object, on_expiry: object) -> None:
    """Raises ValueError. SQS keeps no message for longer than the longest time."""
    if not _is_word(on_failure) and not _is_mapping(on_failure):
        raise ValueError(
            f"on_failure is {on_failure!r}; it may be {DEAD_LETTER!r}, {IGNORE!r}, {NOTIFY!r}, the name "
            f"of another task, or a mapping from classes of exceptions, and {DEFAULT!r}, to one of these"
        )
    if start_within is not None and not (_is_number(start_within) and 0 < start_within <= KEPT_SECONDS):
        raise ValueError(
            f"start_within is {start_within!r}; it may be seconds, more than 0 and at most {KEPT_SECONDS}"
        )
    if on_expiry not in (DEAD_LETTER, IGNORE):
        raise ValueError(f"on_expiry is {on_expiry!r}; it may be {DEAD_LETTER!r} or {IGNORE!r}")


class Policy(Value):
    """The settings of a task, as `@task(…)` takes them."""

    __match_args__ = (
        "attempts",
        "backoff",
        "idempotent",
        "timeout",
        "unavailable",
        "on_failure",
        "start_within",
        "on_expiry",
        "done",
    )

    def __init__(
        self,
        attempts: int = 5,
        backoff: Backoff = _DEFAULT_BACKOFF,
        idempotent: bool | Callable[[Any], str] = False,
        timeout: float | None = None,
        unavailable: tuple[type[Exception], ...] = (),
        on_failure: OnFailure = DEAD_LETTER,
        start_within: float | None = None,
        on_expiry: str = DEAD_LETTER,
        done: FindDone | None = None,
    ) -> None:
        """Raises ValueError, whose text names the values that the argument may have."""
        if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
            raise ValueError(f"attempts is {attempts!r}; it may be a whole number from 1")
        if not isinstance(backoff, Backoff):
            raise ValueError(f"backoff is {backoff!r}; it may be Backoff(first=…, longest=…), in seconds")
        if timeout is not None and not (_is_number(timeout) and 0 < timeout <= MAX_TIMEOUT_SECONDS):
            raise ValueError(
                f"timeout is {timeout!r}; it may be seconds, more than 0 and at most {MAX_TIMEOUT_SECONDS}"
            )
        if not isinstance(unavailable, tuple) or not all(
            isinstance(one, type) and issubclass(one, Exception) for one in unavailable
        ):
            raise ValueError(f"unavailable is {unavailable!r}; it may be a tuple of classes of exceptions")
        _check_ends(on_failure, start_within, on_expiry)
        _check_records(idempotent, done)
        self.attempts: Final = attempts
        self.backoff: Final = backoff
        self.idempotent: Final = idempotent
        self.timeout: Final = timeout
        self.unavailable: Final = unavailable
        # As a tuple it can be hashed, and nobody changes it later.
        self.on_failure: Final = (
            on_failure if isinstance(on_failure, str) else tuple(dict(on_failure).items())
        )
        self.start_within: Final = start_within
        self.on_expiry: Final = on_expiry
        self.done: Final = done

    def word(self, kind: type[BaseException] | None) -> str:
        """Returns what happens when the task has failed by an error of this class, or None if unknown.

        The most specific class that is named counts, as in `except`.
        """
        if isinstance(self.on_failure, str):
            return self.on_failure
        # Compared by identity, without code of the error's own class.
        mro = () if kind is None else _mro(kind)
        words = (word for one in (*mro, DEFAULT) for named, word in self.on_failure if named is one)
        return next(words, DEAD_LETTER)

    @property
    def words(self) -> set[str]:
        """All words that it names."""
        return (
            {self.on_failure} if isinstance(self.on_failure, str) else {word for _, word in self.on_failure}
        )

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
