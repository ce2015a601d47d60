"""The steps before a task: decode, find, parse, and the key. They may run the user's code as well."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from shared import log
from shared.delivery import Delivery
from shared.ports.records import record_key
from worker.decode import Decode, NothingToDoError, payload_of
from worker.lookup import Table, find
from worker.outcome import Attempt, DeadLetter, Ignored, Succeeded, used_up
from zigzag import Task


class Prepared(NamedTuple):
    """A task and the payload for its call. `key` names the run of an idempotent task, and is else None."""

    task: Task[Any, Any, Any]
    payload: Any
    key: str | None


type Prepare = Callable[[Attempt, Delivery], Prepared | DeadLetter | Ignored | Succeeded]


def prepared_for(
    attempt: Attempt, delivery: Delivery, *, tasks: Table, decode: Decode
) -> Prepared | DeadLetter | Ignored | Succeeded:
    """Reads the message and fills in the attempt. Returns the outcome if it has expired, if the attempts are
    used up, or if the message asks for no task.

    Raises BadMessageError, NoSuchTaskError, BrokenTaskError, and any error of the key function.
    """
    try:
        message = decode(delivery)
    except NothingToDoError as error:
        log.write(logging.INFO, str(error))
        return Succeeded()
    attempt.task, attempt.id, attempt.failed = message.task, message.id, message.failed
    attempt.loading = True
    task = find(message.task, tasks)
    attempt.loading = False
    attempt.policy, attempt.tasks = task.policy, tasks
    if task.policy.start_within is not None or message.expires_at is not None:
        from worker.guards.expiry import ask  # few tasks need it

        ask(attempt, delivery, message)
    if task.policy.idempotent:  # it may be done already, so all that is checked later
        payload = payload_of(task, message)
        return Prepared(task, payload, record_key("run", task.name, task.policy.key(payload, message.id)))
    return used_up(attempt) or Prepared(task, payload_of(task, message), None)
