"""What becomes of a message after an attempt? Decided here, as values; `settle` makes them true."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from random import Random

from shared.dead_letter import Death
from worker.decode import BadMessageError
from worker.lookup import BrokenTaskError, NoSuchTaskError
from zigzag import Reject, Retry
from zigzag.policy import Policy

_SAYS_IT = (Retry, NoSuchTaskError, BrokenTaskError)
"""Errors whose message needs no type before it."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The message is deleted."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The message is postponed for `seconds`."""

    seconds: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The message is moved to the dead-letter queue."""

    death: Death


@dataclass(frozen=True, slots=True)
class Ignored:
    """The message is not touched: it is, or is about to be, somebody else's."""

    reason: str


Outcome = Succeeded | RetryLater | DeadLetter | Ignored


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which attempt it was, at what. `task` and `id` are None where the message did not say."""

    number: int
    task: str | None = None
    id: str | None = None


def decide(
    error: BaseException, attempt: Attempt, policy: Policy, longest_seconds: float, random: Random
) -> RetryLater | DeadLetter:
    """The outcome of an attempt that raised `error`.

    longest_seconds -- the furthest that SQS lets the message be postponed.
    """
    if isinstance(error, Reject):
        return DeadLetter(_death(f"rejected: {error.reason}", attempt, error))
    if isinstance(error, BadMessageError):
        return DeadLetter(_death(str(error), attempt, None))
    reason = str(error) if isinstance(error, _SAYS_IT) else _words(error)
    if attempt.number >= policy.attempts:
        times = "1 attempt" if policy.attempts == 1 else f"{policy.attempts} attempts"
        return DeadLetter(_death(f"failed after {times}: {reason}", attempt, error))
    seconds = float(policy.backoff.seconds(attempt.number, random))
    if isinstance(error, Retry) and error.after is not None:
        seconds = error.after
    return RetryLater(int(max(1, min(seconds, longest_seconds))), reason)


def used_up(attempt: Attempt, policy: Policy) -> DeadLetter | None:
    """The outcome of an attempt too many, before it starts: an earlier one did not settle its message."""
    if attempt.number <= policy.attempts:
        return None
    started = attempt.number - 1
    reason = (
        f"received {started} times, which are all its attempts; if the last one started, the log tells of it"
    )
    return DeadLetter(_death(reason, attempt, None, started))


def _death(reason: str, attempt: Attempt, error: BaseException | None, attempts: int | None = None) -> Death:
    return Death(
        reason=reason,
        task=attempt.task,
        id=attempt.id,
        attempts=attempt.number if attempts is None else attempts,
        error=None if error is None else _words(error),
        traceback=None if error is None else "".join(traceback.format_exception(error)),
    )


def _words(error: BaseException) -> str:
    """Type and text of an error that may be anybody's: even its text may fail."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__}, whose text can't be had"
