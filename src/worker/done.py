"""Asks a task's own database whether the task is done: `@task(done=…)`. Few tasks load this module.

It is asked before each start, like a key function, and before the task has failed: a transaction may be
stored although its answer was lost. Then the task has not failed, whatever it raised, and does not run again.
What follows it is composed from the result that is stored with it, and sent under the same ids as before.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from random import Random

from shared import log
from shared.errors import words
from worker.excuses import WITHOUT_ITS_TIME_SECONDS
from worker.failure import besides
from worker.finish import Finish, FoundDone
from worker.host import SoftDeadline
from worker.lookup import BrokenTaskError
from worker.outcome import LOADS, Attempt, DeadLetter, Ignored, Outcome, RetryLater, wait_seconds
from worker.result import Start
from worker.starts import MAX_STARTS
from zigzag import Done
from zigzag.policy import FindDone

ASKING_SECONDS = 1.0
"""Least time to ask, also for a task that ended when it was interrupted."""

_UNKNOWN = "whether it is done can't be known"


class UnansweredError(BrokenTaskError):
    """A task's own database does not say whether it is done: nothing starts, and that is no attempt."""


def ask_database(attempt: Attempt, ask: FindDone) -> FoundDone | None:
    """Returns the outcome if the task is done. The user's code runs. Raises TypeError if it returns anything
    but a Done or None, and any error of its own."""
    answer = ask(attempt.task or "", attempt.id or "")
    if answer is None:
        return None
    if type(answer) is not Done:
        raise TypeError(f"the `done` function of {attempt.task} returned {type(answer).__name__}, no Done(…)")
    attempt.returned = answer.result
    return FoundDone()


def ask_before_start(attempt: Attempt, ask: FindDone) -> FoundDone | None:
    """Returns the outcome if the task is done, before its start. Raises UnansweredError."""
    if _kills(attempt):
        return None
    try:
        return ask_database(attempt, ask)
    except (Exception, SystemExit) as error:
        raise UnansweredError(f"{_UNKNOWN}: {words(error)}") from error


async def ask_before_failure(
    failure: DeadLetter | Ignored | RetryLater, ask: FindDone, finish: Finish, start: Start
) -> Outcome:
    """Returns the outcome of a task that is about to be given up: it may be done. If that can't be known, the
    start is taken back: a task that is not done runs once more, and fails with its own error. A direct call
    is given up by each failure, as nobody tries it again: its caller hears both."""
    attempt, delivery = start.attempt, start.delivery
    comes_again = isinstance(failure, RetryLater) and (finish.comes_again or not attempt.began)
    if comes_again or _kills(attempt):
        return failure
    spread = Random(f"{delivery.message_id} {delivery.receive_count}")
    unknown = RetryLater(wait_seconds(delivery.receive_count, spread), _UNKNOWN)
    attempt.outcome = unknown  # if the function's time ends meanwhile
    seconds = max(ASKING_SECONDS, finish.deadline.task_seconds())
    try:
        async with nullcontext() if start.redrive is None else start.redrive.while_running():
            done = await finish.host.prepare(lambda: ask_database(attempt, ask), seconds)
    except (Exception, SystemExit, SoftDeadline) as error:
        stops = finish.host.stop_reason if isinstance(error, SoftDeadline) else None
        await start.starts.excuse(attempt, unloaded=stops is None)
        if stops is not None:
            return RetryLater(WITHOUT_ITS_TIME_SECONDS, f"no attempt: {stops}")
        why = "it did not answer in time" if isinstance(error, SoftDeadline) else words(error)
        why = f"{_UNKNOWN}: {why}"
        if attempt.unloaded < LOADS and finish.comes_again:
            return unknown._replace(reason=why)
        attempt.outcome = None
        if isinstance(failure, RetryLater):
            return failure._replace(reason=f"{failure.reason}; {why}")
        return failure._replace(cause=besides(failure.cause, why))
    attempt.outcome = None
    if done is None:
        return failure
    if attempt.error is not None:
        why = words(attempt.error)
        log.write(logging.WARNING, "its task raised, but had stored that it is done", reason=why)
    attempt.outcome, attempt.error = finish.if_time_ends(start, done), None
    return done


def _kills(attempt: Attempt) -> bool:
    """Returns whether the question has killed its process each time: this is the last start but one of any
    message that does so. Then it is not asked, and the task is given up as its policy says."""
    return attempt.number >= MAX_STARTS and attempt.number > attempt.policy.attempts + 1
