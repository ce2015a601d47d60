"""The steps before a task: decode, find, parse, and the key. They may run the user's code as well."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from shared import log
from shared.delivery import Delivery
from shared.errors import words
from shared.ports.records import record_key
from worker.decode import Decode, Message, NothingToDoError, OnlyFollowUpsError, ReplyTo, payload_of
from worker.lookup import BrokenTaskError, Table, find
from worker.outcome import AlreadyDone, Attempt, DeadLetter, Ignored, Succeeded, used_up
from zigzag import Task
from zigzag.body import BadMessageError
from zigzag.policy import Policy

_MAX_SAID_CHARACTERS = 200


class Prepared(NamedTuple):
    """A task and the payload for its call. `key` names the run of an idempotent task, and is else None."""

    task: Task[Any, Any, Any]
    payload: Any
    key: str | None


type Unprepared = DeadLetter | Ignored | Succeeded | AlreadyDone
type Prepare = Callable[[Attempt, Delivery], Prepared | Unprepared]


class Terms:
    """Decides on a message's terms: where its reply goes, and whether it has expired.

    replies -- the ARNs to which the stack may reply.
    """

    def __init__(self, replies: Sequence[str]) -> None:
        self._replies = replies

    def reply_to(self, asked: ReplyTo) -> ReplyTo:
        """Returns where the reply goes, by its ARN. Raises BadMessageError if no reply may go there."""
        from shared.ports.addresses import allowed  # few messages ask for a reply

        arn = allowed(asked.to, self._replies)
        if arn is None:
            said = asked.to[:_MAX_SAID_CHARACTERS]
            raise BadMessageError(
                f"`reply_to` is {said}, to which this stack may not reply: name its ARN in the parameter "
                "ReplyTo"
            )
        return asked._replace(to=arn)

    def expire(self, attempt: Attempt, delivery: Delivery, message: Message) -> None:
        """Notes in the attempt whether the message has expired, or could until it starts."""
        from worker.expiry import expire  # few tasks need it

        expire(attempt, delivery, message)


def prepared_for(
    attempt: Attempt, delivery: Delivery, *, tasks: Table, decode: Decode, terms: Terms
) -> Prepared | Unprepared:
    """Reads the message and fills in the attempt. Returns the outcome if it has expired, if the attempts are
    used up, or if the message asks for no task.

    Raises BadMessageError, NoSuchTaskError, BrokenTaskError, and any error of the key function.
    """
    try:
        message = _ours(lambda: decode(delivery))
    except NothingToDoError as error:
        log.write(logging.INFO, str(error))
        return Succeeded()
    except OnlyFollowUpsError as error:
        from worker.follow.letters import held_in  # few letters are moved back for this

        attempt.unsent = held_in(str(error), attempt)
        return AlreadyDone()
    attempt.task, attempt.id, attempt.failed = message.task, message.id, message.failed
    attempt.hops = message.hops
    if message.reply_to is not None:
        attempt.reply_to = terms.reply_to(message.reply_to)
    attempt.loading = True
    task = find(message.task, tasks)
    attempt.loading = False
    attempt.policy, attempt.tasks = task.policy, tasks
    if task.policy.start_within is not None or message.expires_at is not None:
        _ours(lambda: terms.expire(attempt, delivery, message))
    if (done := _found(attempt, task.policy)) is not None:
        return done
    if task.policy.idempotent:  # it may be done already, so all that is checked later
        payload = payload_of(task, message)
        return Prepared(task, payload, record_key("run", task.name, task.policy.key(payload, message.id)))
    return used_up(attempt) or Prepared(task, payload_of(task, message), None)


def _ours[T](step: Callable[[], T]) -> T:
    """Returns what a step of ours returns. An error that it does not know is none of a task's: no task has
    started, so none has failed, and a deployment may mend it."""
    try:
        return step()
    except (BadMessageError, BrokenTaskError, NothingToDoError, OnlyFollowUpsError):
        raise
    except Exception as error:
        raise BrokenTaskError(f"the message can't be read: {words(error)}") from error


def _found(attempt: Attempt, policy: Policy) -> AlreadyDone | None:
    """Returns the outcome if the task's own database has it done."""
    if policy.done is None:
        return None
    from worker.done import ask_before_start  # few tasks need it

    return ask_before_start(attempt, policy.done)
