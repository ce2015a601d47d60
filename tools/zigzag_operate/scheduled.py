"""The messages that schedules send later: those that have not been sent yet, and their cancellation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tasks import TASKS
from worker.lookup import NoSuchTaskError, find
from zigzag.extra.schedules import name_of, prefix_of
from zigzag_operate.causes import cause, is_gone
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.target import Target

MAX_SHOWN = 200
"""Most that are shown at a time: each takes a call."""


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A message that is sent later.

    task, id -- the task and its id; None in a schedule that somebody made in another way.
    at       -- when it is sent: UTC, like 2027-01-15T08:00:00; or another expression of the Scheduler's, and
                its time zone.
    queue    -- the ARN of the queue that it is sent to.
    schedule -- the schedule's name.
    """

    task: str | None
    id: str | None
    at: str
    queue: str
    schedule: str


@dataclass(frozen=True, slots=True)
class ScheduledTasks:
    """Messages that are sent later, the next one first; and whether there are more than these, of which
    some may be sent before them: AWS lists schedules by name."""

    tasks: list[ScheduledTask]
    more: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A message that will not be sent."""

    task: str
    id: str


def scheduled(target: Target, task: str | None = None, most: int = 50) -> ScheduledTasks:
    """Returns what schedules of the stack send later. Those already sent are not among them.

    task -- the name of a task: only those that `send` has made for it.
    most -- 1 to 200.

    Needs the permissions `scheduler:ListSchedules` and `scheduler:GetSchedule`. Raises OperateError, also if
    nothing is scheduled of a name that is no task's.
    """
    if not 1 <= most <= MAX_SHOWN:
        raise OperateError(f"1 to {MAX_SHOWN} can be listed, not {most}", Kind.WRONG)
    group, scheduler = _group(target), target.client("scheduler")
    begin = {} if task is None else {"NamePrefix": prefix_of(task)}
    try:
        pages = scheduler.get_paginator("list_schedules").paginate(
            GroupName=group, PaginationConfig={"PageSize": 100}, **begin
        )
        named = (one["Name"] for page in pages for one in page["Schedules"])
        names = list(islice(named, most + 1))
        found = [_read(scheduler, group, name) for name in names[:most]]
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"the schedules can't be read: {cause(error)}") from error
    tasks = [one for one in found if one is not None and task in (None, one.task)]
    if task is not None and not tasks and task not in TASKS:  # one that was taken away may be scheduled still
        try:
            find(task, TASKS)
        except NoSuchTaskError as error:
            raise OperateError(str(error), Kind.BAD_PAYLOAD) from error
    return ScheduledTasks(sorted(tasks, key=lambda one: one.at), len(names) > most)


def cancel(target: Target, task: str, id: str) -> Cancelled:
    """Deletes the schedule of a task and its id. Needs the permission `scheduler:DeleteSchedule`.

    Raises OperateError, also if there is none.
    """
    group, scheduler = _group(target), target.client("scheduler")
    try:
        scheduler.delete_schedule(GroupName=group, Name=name_of(task, id))
    except ClientError as error:
        if is_gone(error):
            raise OperateError(
                f"{task} with the id {id} is not scheduled: it has been sent, or cancelled, or it never was",
                Kind.WRONG,
            ) from error
        raise OperateError(f"{task} with the id {id} is not cancelled: {cause(error)}") from error
    except BotoCoreError as error:
        raise OperateError(f"{task} with the id {id} may be cancelled: {cause(error)}") from error
    return Cancelled(task, id)


def _group(target: Target) -> str:
    """Returns the name of the stack's group of schedules. Raises OperateError if it has none."""
    words = target.outputs().get("Scheduler", "").split()
    if not words:
        raise OperateError("the stack sends nothing later: deploy it with Scheduler=true", Kind.WRONG)
    return words[0]


def _read(scheduler: Any, group: str, name: str) -> ScheduledTask | None:
    """Returns what a schedule sends, or None if it has sent it meanwhile."""
    try:
        one = scheduler.get_schedule(GroupName=group, Name=name)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    expression, zone = str(one["ScheduleExpression"]), one.get("ScheduleExpressionTimezone", "UTC")
    once = expression.startswith("at(") and zone == "UTC"
    at = expression[3:-1] if once else f"{expression} {zone}"
    body = _object(one["Target"].get("Input", ""))
    task, id = (value if isinstance(value, str) else None for value in (body.get("task"), body.get("id")))
    return ScheduledTask(task, id, at, one["Target"]["Arn"], name)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
