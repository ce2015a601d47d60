"""Dead letters and follow-ups: the letter of a task that is done holds what could not be sent after it, and
the letter of a task that has failed comes after its reply."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from shared import log
from shared.dead_letter import MAX_REASON_CHARACTERS, NOTE, Cause, note_of, original_attributes
from shared.delivery import Delivery
from worker.failure import besides
from worker.follow.compose import reply_of
from worker.follow.follow_ups import FollowUp, FollowUps
from worker.outcome import Attempt, DeadLetter
from zigzag.body import BadMessageError

NOT_FINISHED = "what follows it was not sent in the function's time"


def held_in(body: str, attempt: Attempt) -> str:
    """Returns what the letter of a done task holds, which was moved back to the queue, and notes whose it is.
    Raises BadMessageError if it is no such body."""
    try:
        ups = FollowUps.from_text(body)
        if any(_is_body_of_one(one.body) for one in (*ups.send, *ups.held)):
            raise ValueError("a letter in a letter")
    except ValueError:
        raise BadMessageError(
            "the body has `follow_ups`, and is no letter of a task that is done: give the key another name"
        ) from None
    attempt.task, attempt.id = ups.task, ups.id
    return ups._replace(send=(*ups.send, *ups.held), held=(), why="").to_text()


def letter(attempt: Attempt, ups: FollowUps, left: Sequence[FollowUp], why: str) -> DeadLetter:
    """Returns the letter of a task that is done, which holds what is left to be sent."""
    reasons = [one for one in (ups.why, why) if one]
    held = ups._replace(send=(*left, *ups.held), held=(), why="").to_text()
    reason = f"done; {'; '.join(reasons)}"[:MAX_REASON_CHARACTERS]
    return DeadLetter(Cause(reason, ups.task, ups.id, attempt.number, unsent=held))


def with_reply(cause: Cause, attempt: Attempt) -> Cause:
    """Returns the cause of a failure with the reply that says so, if its message asked for one."""
    if cause.unsent is not None:
        return cause
    one = reply_of(attempt, "failed", error=cause.reason[:MAX_REASON_CHARACTERS])
    if one is None:
        return cause
    ups = FollowUps(cause.task, cause.id, send=(one,), failed=True)
    return cause._replace(unsent=ups.to_text())


def of_a_failure(cause: Cause) -> FollowUps | None:
    """Returns what is sent before the letter of a failure; None for the letter of a task that is done."""
    ups = FollowUps.from_text(cause.unsent or "")
    return ups if ups.failed else None


def holding(delivery: Delivery, cause: Cause) -> Delivery:
    """Returns the delivery as the letter of a done task needs it: with a body that holds what is to be sent,
    and without the user's attributes, of which `task` would run a task."""
    body = delivery.body
    if not _is_one(delivery):  # else it was moved back in vain
        body = FollowUps.from_text(cause.unsent or "").to_text(body)
    # A displaced attribute would come back, and may be `task` as well.
    kept = {key: value for key, value in note_of(delivery).items() if key != "displaced"}
    note = {NOTE: {"DataType": "String", "StringValue": json.dumps(kept)}} if kept else {}
    message = {**delivery.message, "Body": body, "MessageAttributes": note}
    return Delivery(message, delivery.queue_url, delivery.lease)


def _is_one(delivery: Delivery) -> bool:
    """Returns whether the message is the letter of a done task, by the rules of `decode`."""
    return "task" not in original_attributes(delivery) and _is_body_of_one(delivery.body)


def _is_body_of_one(text: str) -> bool:
    try:
        FollowUps.from_text(text)
        return "task" not in json.loads(text)
    except (ValueError, RecursionError):
        return False


def without_reply(cause: Cause, why: str) -> Cause:
    """Returns the cause of the letter after its reply: it was sent, or can't be for this reason."""
    if not why:
        return cause._replace(unsent=None)
    log.write(logging.ERROR, "the reply of a failed task is not sent", task=cause.task, reason=why)
    return besides(cause, f"its reply is not sent: {why}")._replace(unsent=None)
