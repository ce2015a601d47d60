"""The steps before a task: decode, find, parse, and the key. They may run the user's code as well."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.delivery import Delivery
from shared.ports.records import record_key
from worker.decode import decode, payload_of
from worker.lookup import Table, find
from worker.outcome import Attempt, DeadLetter, Ignored, used_up
from zigzag import Task


class Prepared(NamedTuple):
    """A task and the payload for its call. `key` names the run of an idempotent task, and is else None."""

    task: Task[Any, Any, Any]
    payload: Any
    key: str | None


def prepared_for(attempt: Attempt, delivery: Delivery, tasks: Table) -> Prepared | DeadLetter | Ignored:
    """Reads the message and fills in the attempt. Returns the outcome if the attempts are used up.

    Raises BadMessageError, NoSuchTaskError, BrokenTaskError, and any error of the key function.
    """
    message = decode(delivery)
    attempt.task, attempt.id, attempt.failed = message.task, message.id, message.failed
    attempt.loading = True
    task = find(message.task, tasks)
    attempt.loading = False
    attempt.policy, attempt.tasks = task.policy, tasks
    if task.policy.idempotent:  # it may be done already, so its attempts are checked later
        payload = payload_of(task, message)
        return Prepared(task, payload, record_key("run", task.name, task.policy.key(payload, message.id)))
    return used_up(attempt) or Prepared(task, payload_of(task, message), None)
