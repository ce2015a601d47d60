"""Decode, find, parse, and the key: what comes before a task, and may be the user's code as well."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.delivery import Delivery
from shared.ports.records import record_key
from worker.decode import decode, payload_of
from worker.lookup import Table, find
from worker.outcome import Attempt, DeadLetter, used_up
from zigzag import Task


class Prepared(NamedTuple):
    """What a task is called with. `key` names the run of an idempotent task; None for another."""

    task: Task[Any, Any, Any]
    payload: Any
    key: str | None


def prepared_for(attempt: Attempt, delivery: Delivery, tasks: Table) -> Prepared | DeadLetter:
    """Reads the message, and fills in the attempt. The outcome if its task was started often enough.

    Raises BadMessageError, NoSuchTaskError, BrokenTaskError, and whatever the task's key function raises.
    """
    message = decode(delivery)
    attempt.task, attempt.id = message.task, message.id
    attempt.loading = True
    task = find(message.task, tasks)
    attempt.loading = False
    attempt.policy = task.policy
    if task.policy.idempotent:  # it may be done already
        payload = payload_of(task, message)
        return Prepared(task, payload, record_key("run", task.name, task.policy.key(payload, message.id)))
    return used_up(attempt) or Prepared(task, payload_of(task, message), None)
