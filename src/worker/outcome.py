"""The outcome of an attempt, as a value: it says what happens to the message. `settle` carries it out."""

from __future__ import annotations

from _thread import allocate_lock
from math import ceil, inf
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.dead_letter import Cause
from shared.errors import text, traceback_of, words
from shared.lease import DROP_MARGIN_SECONDS
from worker.lookup import BrokenTaskError, NoSuchTaskError
from worker.raised import OutOfTimeError, seconds_asked
from zigzag import Failed, Reject, Retry
from zigzag.body import BadMessageError
from zigzag.policy import DEAD_LETTER, DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from collections.abc import Container

    from worker.decode import ReplyTo
    from worker.record import Record

LOADS = 16
"""Times that a message's task may be missing, or fail to import: a deploy may be under way."""

LOAD_WAIT_SECONDS = 600
"""The longest wait after each such failure."""

LOADING_SECONDS = 3600
"""The least time for which such a message is tried: if it can't be postponed, it comes sooner."""

FIRST_WAIT_SECONDS = 30
MAX_WAIT_SECONDS = 3600
"""For a failure that is not the message's fault: 14 days of such waits stay below SQS's 1,000 receives."""

_DROPPED = f"SQS would drop the message in less than {DROP_MARGIN_SECONDS // (24 * 3600)} days"


class Succeeded:
    """The message is deleted."""


class AlreadyDone:
    """The task's completion is recorded: it does not run again, and the message is deleted."""

    why: str | None = None


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


class Ignored(NamedTuple):
    """The message is deleted without a dead letter: its task has failed, and its policy asks for that."""

    cause: Cause


class LeftAlone(NamedTuple):
    """The message is not touched: another worker has it, or is about to get it."""

    reason: str


type Ended = RetryLater | DeadLetter | Ignored

LEASE_LOST = LeftAlone("lease lost: the message is somebody else's")

Outcome = Succeeded | AlreadyDone | RetryLater | Released | DeadLetter | Ignored | LeftAlone


class Attempt:
    """The facts known of an attempt so far.

    number   -- its number, from 1; 0 if none was made.
    task, id -- None if the message did not say.
    failed   -- the task that this one repairs, if the message says so.
    policy   -- the task's, once it is found; and `tasks`, the names that exist.
    unloaded -- how often its task could not be loaded, this time included.
    record   -- the record of an idempotent task's run, once it is known.
    loading  -- whether its task's module is being imported, or failed to import.
    error    -- the error that it has raised so far; `outcome`, the outcome once it is decided.
    entered  -- whether the user's code runs, or has taken all the time; False between preparation and call.
    asked    -- whether the excuses were asked, or are being asked, of the error; `excused`, how long the
                message waits, if one has said that this is no attempt.
    returned -- what the task returned; `began` and `ended`, when its call did, or 0.
    reply_to -- where a reply goes, if the message asks for one; `hops`, how many tasks named the next before.
    unsent   -- what is to be sent in place of a run.
    started  -- whether the record shows an earlier start; `lease_lost`, whether its lease ended before it.
    bounded  -- whether it could expire until it has started: then its first start is recorded.
    expired  -- the outcome if it is too late for its first start.
    decided  -- acquired by the thread that decides: the task's once that has ended, or that of the hard end.
    """

    def __init__(
        self, number: int = 1, task: str | None = None, id: str | None = None, policy: Policy = DEFAULT_POLICY
    ) -> None:
        self.number, self.task, self.id, self.policy = number, task, id, policy
        self.failed: Failed | None = None
        self.tasks: Container[str] = ()
        self.unloaded = 0
        self.record: Record | None = None
        self.error: BaseException | None = None
        self.outcome: Outcome | None = None
        self.loading = self.entered = self.asked = self.started = self.bounded = self.lease_lost = False
        self.excused: Released | None = None
        self.returned: Any = None
        self.reply_to: ReplyTo | None = None
        self.hops, self.unsent, self.began, self.ended = 0, "", 0.0, 0.0
        self.expired: DeadLetter | Ignored | None = None
        self.decided = allocate_lock()


class Limits(NamedTuple):
    """The limits that SQS sets to a message now.

    postpone_seconds -- the longest time for which it can be postponed.
    kept_seconds     -- how long SQS still keeps it: with a later retry it would be lost.
    tried_seconds    -- how long ago it was received first; endless if SQS did not say.
    """

    postpone_seconds: float = inf
    kept_seconds: float = inf
    tried_seconds: float = inf

    @property
    def near_the_end(self) -> bool:
        """Returns whether SQS may drop the message before it comes again."""
        return self.kept_seconds < DROP_MARGIN_SECONDS


def as_import_error(error: BaseException, attempt: Attempt) -> BaseException:
    """Returns the error, or a BrokenTaskError for it if the task's import raised it, or took too long."""
    if not attempt.loading or isinstance(error, NoSuchTaskError | BrokenTaskError):
        return error
    why = text(error) if isinstance(error, OutOfTimeError) else words(error)
    return BrokenTaskError(f"{attempt.task} can't be imported: {why}").with_traceback(error.__traceback__)


def is_permanent(error: BaseException, policy: Policy) -> bool:
    """Returns whether a message is given up for this error after any attempt."""
    return isinstance(error, Reject | BadMessageError) or policy.attempts == 1


def decide(error: BaseException, attempt: Attempt, random: Random, limits: Limits) -> Ended:
    """Returns the outcome of an attempt that raised `error`."""
    policy = attempt.policy
    if isinstance(error, Reject):
        return _failed(_cause(f"rejected: {text(error)}", attempt, error), attempt, error)
    if isinstance(error, BadMessageError):
        return DeadLetter(_cause(str(error), attempt, None))
    if isinstance(error, NoSuchTaskError | BrokenTaskError):
        return _not_loaded(error, attempt, random, limits)
    reason = text(error) if isinstance(error, Retry | OutOfTimeError) else words(error)
    if attempt.number >= policy.attempts:
        times = "1 attempt" if policy.attempts == 1 else f"{policy.attempts} attempts"
        return _failed(_cause(f"failed after {times}: {reason}", attempt, error), attempt, error)
    asked = seconds_asked(error)
    backoff = policy.backoff.seconds(attempt.number, random)
    seconds = int(max(1, min(backoff if asked is None else asked, limits.postpone_seconds)))
    return RetryLater(seconds, reason)


def wait_seconds(receives: int, random: Random, most: int = MAX_WAIT_SECONDS) -> int:
    """Returns random seconds, at least half of the longest wait, which grows from the third receive on."""
    longest = min(most, FIRST_WAIT_SECONDS * 2 ** min(max(0, receives - 2), 10))
    return random.randint(longest // 2, longest)


def waiting_at_least[T: RetryLater | DeadLetter | Ignored](seconds: float, outcome: T) -> T:
    """Returns the outcome; a retry waits for so many seconds at least."""
    if not isinstance(outcome, RetryLater):
        return outcome
    return outcome._replace(seconds=max(outcome.seconds, ceil(seconds)))


def _not_loaded(
    error: Exception, attempt: Attempt, random: Random, limits: Limits
) -> RetryLater | DeadLetter:
    if attempt.unloaded >= LOADS and limits.tried_seconds > LOADING_SECONDS:
        reason = f"not started in {attempt.unloaded} tries: {text(error)}"
        return DeadLetter(_cause(reason, attempt, error))
    return RetryLater(wait_seconds(attempt.unloaded + 1, random, LOAD_WAIT_SECONDS), text(error))


def before_it_is_dropped(outcome: Outcome, attempt: Attempt, limits: Limits) -> Outcome:
    """Returns the outcome, or a dead letter if SQS may drop the message before it comes again."""
    if not isinstance(outcome, RetryLater | Released) or not limits.near_the_end:
        return outcome
    why = f"not started: {outcome.reason}" if isinstance(outcome, Released) else outcome.reason
    return DeadLetter(_cause(f"{_DROPPED}: {why}", attempt, None))


def too_old(attempt: Attempt, limits: Limits) -> DeadLetter | None:
    """Returns the outcome of a message that was started before, and that SQS may drop after this start."""
    started = attempt.number - 1
    if not started or not limits.near_the_end:
        return None
    times = "once" if started == 1 else f"{started} times"
    return DeadLetter(_cause(f"started {times}, and {_DROPPED}", attempt, None, started))


def used_up(attempt: Attempt) -> DeadLetter | Ignored | None:
    """Returns the outcome if it is too late for this start, or if all attempts were made before it."""
    return attempt.expired or (never_ended(attempt) if attempt.number > attempt.policy.attempts else None)


def never_ended(attempt: Attempt) -> DeadLetter | Ignored:
    """Returns the outcome of a message that had all its starts before this one."""
    started = attempt.number - 1
    times = "once, and its end" if started == 1 else f"{started} times, and the end of the last"
    reason = f"started {times} is not recorded; see the worker's log"
    return _failed(_cause(reason, attempt, None, started), attempt, None)


def _failed(cause: Cause, attempt: Attempt, error: BaseException | None) -> DeadLetter | Ignored:
    """Returns the outcome of a task that has failed, by its policy. A task that is not found has none."""
    kind = TimeoutError if isinstance(error, OutOfTimeError) else None if error is None else type(error)
    if (word := attempt.policy.word(kind)) == DEAD_LETTER:
        return DeadLetter(cause)
    from worker.failure import outcome_of  # few tasks need it

    return outcome_of(word, cause, attempt)


def _cause(reason: str, attempt: Attempt, error: BaseException | None, attempts: int | None = None) -> Cause:
    said = (None, None) if error is None else (words(error), traceback_of(error))
    made = attempt.number if attempts is None else attempts
    return Cause(reason, attempt.task, attempt.id, made, *said)
