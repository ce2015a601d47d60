"""Decides what happens when a task has failed and its policy names more than a dead letter, and writes the
message for the task that repairs it. Few workers load this module.

The repairing task gets the payload of the failed one, and `context.failed`. Its message goes to the queue of
the failed one, into the same group, before that one is moved to the dead letters. The letter stays: a person
can still decide if the repair does not help. The id of the repair follows from the failed message, so that a
second one for the same failure is the same task. A letter that is redriven and fails again is a new message,
and is repaired again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from shared.dead_letter import MAX_ID_CHARACTERS, MAX_REASON_CHARACTERS, Cause, note_of
from shared.delivery import Delivery
from shared.ports.objects import ObjectsError
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Meaning
from worker.decode import Decode
from worker.lookup import BrokenTaskError
from worker.outcome import Attempt, DeadLetter, Ignored, Limits
from zigzag import Failed
from zigzag.policy import IGNORE, NOTIFY

MAX_FAILED = 10
"""Most tasks that may fail one after the other, each as the repair of the one before."""

MAX_RECEIVES = 900
"""A message that was received so often does not wait for its repair: soon it would be given up without its
reason."""

_MAX_WHY = MAX_REASON_CHARACTERS // 2


def outcome_of(word: str, cause: Cause, attempt: Attempt) -> DeadLetter | Ignored:
    """Returns the outcome that this word asks for. If it names a task that can't repair this one, the dead
    letter says so."""
    if word == IGNORE:
        return Ignored(cause)
    why = None if word == NOTIFY else _no_repair(word, attempt)
    return DeadLetter(cause._replace(on_failure=word) if why is None else without_repair(cause, why))


def without_repair(cause: Cause, why: str) -> Cause:
    """Returns the cause of a letter that nothing repairs."""
    return besides(cause, f"not repaired: {why}")._replace(on_failure=None)


def besides(cause: Cause, why: str) -> Cause:
    """Returns the cause with one more thing that went wrong. The reason has space for both texts."""
    why = f"; {why}"[:_MAX_WHY]
    return cause._replace(reason=cause.reason[: MAX_REASON_CHARACTERS - len(why)] + why)


def repair_of(delivery: Delivery, cause: Cause, decode: Decode) -> Outgoing:
    """Returns the message for the task that repairs this one. Raises SendError if there can't be one."""
    from zigzag import send  # a worker that sends nothing does not load it

    message = decode(delivery)
    failed: dict[str, Any] = {
        "task": message.task,
        "id": message.id,
        "reason": cause.reason[:MAX_REASON_CHARACTERS],
        "attempts": cause.attempts,
        "before": _failed_before(message.failed),
    }
    # All copies of a redriven message have one token, and fail together: they have one repair.
    failure = note_of(delivery).get("token", delivery.message_id)
    options = send.Options(_repairs_id(message.task, message.id, failure), group=delivery.group)
    more: dict[str, Any] = {"failed": failed}
    if message.hops:  # a task and its repair may name each other as the next one
        from worker.follow.compose import keys_before  # few repairs are within a chain

        keys = keys_before(message.hops, delivery)
        more |= {"hops": message.hops, **({"keys": keys} if keys else {})}
    return send.compose(cause.on_failure or "", message.payload, options, delivery.queue_url or "", more)


def is_for_good(error: Exception, delivery: Delivery, limits: Limits) -> bool:
    """Returns whether an error of composing or sending a repair is for good. If not, the message comes again
    for it: SQS or S3 is away, or a line of EVENTS can't be read."""
    if limits.near_the_end or delivery.receive_count >= MAX_RECEIVES:
        return True
    if isinstance(error, QueueError):
        return error.meaning is Meaning.DEFINITE
    return not isinstance(error, BrokenTaskError) and not isinstance(error.__cause__, ObjectsError)


def _no_repair(name: str, attempt: Attempt) -> str | None:
    """Returns why the task of this name can't repair the one of the attempt, or None. A task that failed in
    the chain of repairs does not come again: two that name each other would go on for ever."""
    if name not in attempt.tasks:
        return f"on_failure of {attempt.task} names {name!r}, and no task is called so; see tasks/__init__.py"
    failed = [*_failed_before(attempt.failed), attempt.task or ""]
    if name in failed:
        return f"on_failure names {name}, which failed before: {', '.join(failed)}"
    if len(failed) >= MAX_FAILED:
        return f"{len(failed)} tasks failed one after the other: {', '.join(failed)}"
    return None


def _failed_before(failed: Failed | None) -> list[str]:
    return [] if failed is None else [*failed.before, failed.task]


def _repairs_id(task: str, id: str, failure: str) -> str:
    """Returns the id of the repair. It names the failed task as well: others may have the same id.

    failure -- the id of the message that failed, or of its redrive.
    """
    text = f"failed:{task}:{id}" if id == failure else f"failed:{task}:{id}:{failure}"
    return text if len(text) <= MAX_ID_CHARACTERS else f"failed:{hashlib.sha256(text.encode()).hexdigest()}"
