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
from worker.failure import besides
from worker.finish import Finish, FoundDone, until_it_is_sent
from worker.host import SoftDeadline
from worker.outcome import Attempt, DeadLetter, Ignored, Outcome, RetryLater, longer
from worker.result import Start
from worker.starts import MAX_STARTS
from zigzag import Done
from zigzag.policy import FindDone

ASKING_SECONDS = 1.0
"""Least time to ask, also for a task that ended when it was interrupted."""


def found(attempt: Attempt, ask: FindDone) -> FoundDone | None:
    """Returns the outcome if the task is done. The user's code runs. Raises TypeError if it returns anything
    but a Done or None, and any error of its own."""
    answer = ask(attempt.task or "", attempt.id or "")
    if answer is None:
        return None
    if type(answer) is not Done:
        raise TypeError(f"the `done` function of {attempt.task} returned {type(answer).__name__}, no Done(…)")
    attempt.returned = answer.result
    return FoundDone()


async def instead_of(failure: DeadLetter | Ignored, ask: FindDone, finish: Finish, start: Start) -> Outcome:
    """Returns the outcome of a task that is about to be given up: it may be done. If that can't be known,
    its message comes again, up to 20 starts."""
    attempt, delivery = start.attempt, start.delivery
    spread = Random(f"{delivery.message_id} {delivery.receive_count}")
    unknown = RetryLater(longer(delivery.receive_count, spread), "whether it is done can't be known")
    attempt.outcome = unknown  # if the function's time ends meanwhile
    seconds = max(ASKING_SECONDS, finish.deadline.task_seconds())
    try:
        async with nullcontext() if start.redrive is None else start.redrive.while_running():
            done = await finish.host.prepare(lambda: found(attempt, ask), seconds)
    except (Exception, SystemExit, SoftDeadline) as error:
        await start.starts.failed(attempt)
        why = "it did not answer in time" if isinstance(error, SoftDeadline) else words(error)
        why = f"{unknown.reason}: {why}"
        if attempt.number < max(MAX_STARTS, attempt.policy.attempts):
            return unknown._replace(reason=why)
        attempt.outcome = None
        return failure._replace(cause=besides(failure.cause, why))
    attempt.outcome = None
    if done is None:
        return failure
    if attempt.error is not None:
        why = words(attempt.error)
        log.write(logging.WARNING, "its task raised, but had stored that it is done", reason=why)
    attempt.outcome, attempt.error = until_it_is_sent(start, done), None
    return done
