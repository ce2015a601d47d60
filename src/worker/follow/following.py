"""Sends what follows a task, between its completion and the delete of its message.

The order is: composed, recorded with the completion if the task is idempotent, sent, noted as sent. A kill
at any point leaves the message on the queue. The next receiver finds the record, and sends what is
unsent; without a record, a plain task runs again. Ids are the same each time: a receiver knows a second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from shared.errors import words
from shared.ports.queue import Queue, QueueError
from worker.finish import Finish, FoundDone, Reach, has_next
from worker.follow.compose import composed, may_be_done, not_sent, unknown, untold
from worker.follow.follow_ups import FollowUp, FollowUps
from worker.follow.letters import NOT_FINISHED, letter
from worker.host import SoftDeadline
from worker.outcome import LeftAlone, Outcome, Succeeded
from worker.result import Start

LOST = LeftAlone("done, but another worker has its record: what follows is left to it")

COMPOSING_SECONDS = 1.0
"""Least time to compose, also for a task that ended when it was interrupted."""


async def follow(finish: Finish, start: Start, outcome: Outcome, returned: Any) -> Outcome:
    """Sends what follows, and records that. Returns the outcome, or a dead letter that holds what can't be
    sent: for that the task never runs again. Meanwhile no other message of the same redrive starts.

    returned -- what the task returned, if it ran.
    """
    async with nullcontext() if start.redrive is None else start.redrive.while_running():
        return await _follow(finish, start, outcome, returned)


async def _follow(finish: Finish, start: Start, outcome: Outcome, returned: Any) -> Outcome:
    attempt, record = start.attempt, start.attempt.record
    ran = isinstance(outcome, Succeeded | FoundDone)
    if ran:
        attempt.outcome = letter(attempt, FollowUps(attempt.task, attempt.id), (), NOT_FINISHED)
        ups = await _composed(finish, start, returned)
    else:
        ups = FollowUps.from_text(attempt.unsent)
    attempt.outcome = letter(attempt, ups, ups.send, NOT_FINISHED)  # if the function's time ends meanwhile
    if ran and record is not None and not await record.finish(ups.to_text()):
        attempt.outcome = LOST
        return LOST
    left, why = await send_each(ups.send, finish.queue, start.delivery.queue_url, finish.reach)
    if left or ups.why:
        outcome = letter(attempt, ups, left, why)
    elif record is not None:
        await record.sent()
    attempt.outcome = outcome
    return outcome


async def _composed(finish: Finish, start: Start, returned: Any) -> FollowUps:
    """Returns what follows. The user's code may run for it: a result's own way to JSON, or a key
    function."""
    attempt, delivery = start.attempt, start.delivery
    if attempt.error is not None:
        return unknown(attempt, f"then raised {words(attempt.error)}")
    follows = has_next(returned)
    queues = finish.reach.queues if follows else {}
    if follows and not may_be_done(attempt, delivery, returned):  # then no code of the user's runs
        return composed(attempt, delivery, returned, queues)
    seconds = max(COMPOSING_SECONDS, finish.deadline.task_seconds())
    failed, what = (not_sent, "composed") if follows else (untold, "JSON")
    try:
        async with nullcontext() if attempt.record is None else attempt.record.while_running():
            return await finish.host.prepare(lambda: composed(attempt, delivery, returned, queues), seconds)
    except SoftDeadline:
        return failed(attempt, f"it was not {what} within the function's time")
    except (Exception, SystemExit) as error:
        return failed(attempt, words(error))


async def send_each(
    ups: Sequence[FollowUp], queue: Queue, queue_url: str | None, reach: Reach
) -> tuple[Sequence[FollowUp], str]:
    """Sends all: one that can't be sent delays no other. Returns those that are left, and why.

    queue -- the one of that URL.
    """
    left: list[FollowUp] = []
    reasons: list[str] = []
    for one in ups:
        try:
            if one.to == queue_url:
                await queue.send(one.message)
            elif reach.addresses is None or one.to not in (*reach.queues.values(), *reach.replies):
                raise QueueError("NotAllowed", "it is no queue of this stack, and ReplyTo does not name it")
            else:
                await reach.addresses().send(one.to, one.message)
        except Exception as error:  # of any kind: boto3, for a topic, may be broken or missing
            name = one.to.replace("/", ":").rpartition(":")[2]
            why = str(error) if isinstance(error, QueueError) else words(error)
            left.append(one)
            reasons.append(f"the message to {name} is not sent: {why}")
    return left, "; ".join(reasons)
