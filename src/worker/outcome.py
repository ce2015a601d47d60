"""The outcome of an attempt: what becomes of its message, as a value. `settle` makes it true."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from shared.dead_letter import Cause
from shared.errors import text, traceback_of, words
from shared.lease import DROP_MARGIN_SECONDS
from worker.decode import BadMessageError
from worker.lookup import BrokenTaskError, NoSuchTaskError
from worker.raised import OutOfTimeError, seconds_asked
from zigzag import Reject, Retry
from zigzag.policy import DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from worker.record import Record

LOADS = 16
"""How often a message's task may not be found, or not be imported: that may be a deploy under way."""

LOAD_WAIT_SECONDS = 600
"""The longest wait after that: in all an hour and more."""

FIRST_WAIT_SECONDS = 30
MAX_WAIT_SECONDS = 3600
"""The first wait for what is not the message's fault, and the longest: 14 days of retries stay below SQS's
1,000 receives."""

_DROPPED = f"SQS would drop the message in less than {DROP_MARGIN_SECONDS // (24 * 3600)} days"


class Succeeded:
    """The message is deleted."""


class AlreadyDone:
    """The task's completion is recorded: it does not run again, and the message is deleted."""


class RetryLater(NamedTuple):
    """The message is postponed for `seconds`."""

    seconds: int
    reason: str


class Released(NamedTuple):
    """Nothing was started: the message is hidden for `seconds`, and left to another dispatch."""

    seconds: int
    reason: str


class DeadLetter(NamedTuple):
    """The message is moved to the dead-letter queue."""

    cause: Cause


class LeftAlone(NamedTuple):
    """The message is not touched: it is, or is about to be, somebody else's."""

    reason: str


LEASE_LOST = LeftAlone("lease lost: the message is somebody else's")

Outcome = Succeeded | AlreadyDone | RetryLater | Released | DeadLetter | LeftAlone


class Attempt:
    """An attempt at a message, as far as it is known.

    number   -- from 1; 0 if none was made.
    task, id -- None where the message did not say.
    policy   -- the task's, once it is found.
    unloaded -- how often its task could not be loaded so far, this time included.
    record   -- of an idempotent task's run, once it is known which.
    loading  -- whether its task's module is being imported, or failed in that.
    entered  -- whether the user's code has begun; False again between preparation and call.
    outcome  -- once it is decided.
    """

    __slots__ = ("entered", "id", "loading", "number", "outcome", "policy", "record", "task", "unloaded")

    def __init__(
        self, number: int = 1, task: str | None = None, id: str | None = None, policy: Policy = DEFAULT_POLICY
    ) -> None:
        self.number = number
        self.task = task
        self.id = id
        self.policy = policy
        self.unloaded = 0
        self.record: Record | None = None
        self.loading = False
        self.entered = False
        self.outcome: Outcome | None = None


class Limits(NamedTuple):
    """The limits that SQS sets to a message now.

    postpone_seconds -- the furthest that it can be postponed.
    kept_seconds     -- how long SQS still keeps it: a retry after that would lose it.
    """

    postpone_seconds: float = float("inf")
    kept_seconds: float = float("inf")

    @property
    def near_the_end(self) -> bool:
        """Whether SQS may drop the message before it comes again."""
        return self.kept_seconds < DROP_MARGIN_SECONDS


def of_the_import(error: BaseException, attempt: Attempt) -> BaseException:
    """The error, or that the task could not be loaded, where its import raised what no lookup expects, or did
    not end in time."""
    if not attempt.loading or isinstance(error, NoSuchTaskError | BrokenTaskError):
        return error
    why = text(error) if isinstance(error, OutOfTimeError) else words(error)
    return BrokenTaskError(f"{attempt.task} can't be imported: {why}").with_traceback(error.__traceback__)


def is_permanent(error: BaseException, policy: Policy) -> bool:
    """Whether a message is given up for this error, whichever attempt it was."""
    return isinstance(error, Reject | BadMessageError) or policy.attempts == 1


def decide(error: BaseException, attempt: Attempt, random: Random, limits: Limits) -> RetryLater | DeadLetter:
    """The outcome of an attempt that raised `error`."""
    policy = attempt.policy
    if isinstance(error, Reject):
        return DeadLetter(_cause(f"rejected: {text(error)}", attempt, error))
    if isinstance(error, BadMessageError):
        return DeadLetter(_cause(str(error), attempt, None))
    if isinstance(error, NoSuchTaskError | BrokenTaskError):
        return _not_loaded(error, attempt, random)
    reason = text(error) if isinstance(error, Retry | OutOfTimeError) else words(error)
    if attempt.number >= policy.attempts:
        times = "1 attempt" if policy.attempts == 1 else f"{policy.attempts} attempts"
        return DeadLetter(_cause(f"failed after {times}: {reason}", attempt, error))
    asked = seconds_asked(error)
    backoff = policy.backoff.seconds(attempt.number, random)
    seconds = int(max(1, min(backoff if asked is None else asked, limits.postpone_seconds)))
    return RetryLater(seconds, reason)


def longer(receives: int, random: Random, most: int = MAX_WAIT_SECONDS) -> int:
    """Seconds, by chance, longer with each receive from the third on; half of the longest at least."""
    longest = min(most, FIRST_WAIT_SECONDS * 2 ** min(max(0, receives - 2), 10))
    return random.randint(longest // 2, longest)


def _not_loaded(error: Exception, attempt: Attempt, random: Random) -> RetryLater | DeadLetter:
    if attempt.unloaded >= LOADS:
        return DeadLetter(_cause(f"not started in {LOADS} tries: {text(error)}", attempt, error))
    return RetryLater(longer(attempt.unloaded + 1, random, LOAD_WAIT_SECONDS), text(error))


def before_it_is_dropped(outcome: Outcome, attempt: Attempt, limits: Limits) -> Outcome:
    """The outcome, or a dead letter where SQS may drop the message before it comes again."""
    if not isinstance(outcome, RetryLater | Released) or not limits.near_the_end:
        return outcome
    why = f"not started: {outcome.reason}" if isinstance(outcome, Released) else outcome.reason
    return DeadLetter(_cause(f"{_DROPPED}: {why}", attempt, None))


def too_old(attempt: Attempt, limits: Limits) -> DeadLetter | None:
    """The outcome of a message that was started before, and that SQS may drop if this start does not end."""
    started = attempt.number - 1
    if not started or not limits.near_the_end:
        return None
    times = "once" if started == 1 else f"{started} times"
    return DeadLetter(_cause(f"started {times}, and {_DROPPED}", attempt, None, started))


def used_up(attempt: Attempt) -> DeadLetter | None:
    """The outcome of an attempt too many, before it starts: an earlier one did not settle its message."""
    return never_ended(attempt) if attempt.number > attempt.policy.attempts else None


def never_ended(attempt: Attempt) -> DeadLetter:
    """The outcome of a message whose starts before this one were enough."""
    started = attempt.number - 1
    times = "once, and its end" if started == 1 else f"{started} times, and the end of the last"
    reason = f"started {times} is not recorded; see the worker's log"
    return DeadLetter(_cause(reason, attempt, None, started))


def _cause(reason: str, attempt: Attempt, error: BaseException | None, attempts: int | None = None) -> Cause:
    return Cause(
        reason=reason,
        task=attempt.task,
        id=attempt.id,
        attempts=attempt.number if attempts is None else attempts,
        error=None if error is None else words(error),
        traceback=None if error is None else traceback_of(error),
    )
