"""The lines that a stack's functions have logged, one page after the other.

Needs the permissions `cloudformation:DescribeStacks` and `logs:FilterLogEvents`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from worker.follow.follow_ups import NEXT, step_id
from zigzag_local.logs import LAMBDAS_OWN
from zigzag_operate.causes import cause, is_gone
from zigzag_operate.errors import OperateError
from zigzag_operate.facts.lines import fields_of, gone
from zigzag_operate.target import Target

_AS_PLANNED = (None, "TRACE", "DEBUG", "INFO")
_ENDED = re.compile(r"Task timed out|Runtime exited|Runtime\.\w+|^\[(ERROR|CRITICAL)\]|^Traceback ")
"""Lambda's own words in a line that is no JSON."""

_SAFE = re.compile(r"[\w.:@/+-]+", re.ASCII)
"""Characters that mean themselves in a filter pattern
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html)."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which lines are meant: those that fit all that is given.

    ticks  -- the consumer's lines in place of the worker's.
    failed -- lines of level WARNING and worse, and those of a worker that was ended.
    """

    task: str | None = None
    id: str | None = None
    failed: bool = False
    ticks: bool = False

    def matches(self, text: str, fields: dict[str, Any] | None) -> bool:
        said = fields or {}
        return (
            self.task in (None, said.get("task"))
            and self.id in (None, said.get("id"))
            and (not self.failed or _has_failed(text, fields))
        )


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, and when it was written, in epoch seconds. `fields` are those of a line of JSON."""

    at: float
    text: str
    fields: dict[str, Any] | None


def log_lines(target: Target, which: Which, since: float) -> Iterator[LogLine]:
    """Yields the lines since a time, in epoch seconds, the oldest first. Keeps one page of them at a time.
    Raises OperateError, also if the log group is gone."""
    output = "ConsumerLogGroupName" if which.ticks else "WorkerLogGroupName"
    group = target.outputs().get(output)
    if group is None:
        raise OperateError(f"the stack has no output {output}: deploy this version of Zigzag")
    asked = {"logGroupName": group, "startTime": int(since * 1000), **_pattern(which)}
    try:
        for page in target.client("logs").get_paginator("filter_log_events").paginate(**asked):
            for event in page["events"]:
                text = event["message"].rstrip()
                fields = fields_of(text)
                if not text.startswith(LAMBDAS_OWN) and which.matches(text, fields):
                    yield LogLine(event["timestamp"] / 1000, text, fields)
    except (BotoCoreError, ClientError) as error:
        said = gone(group) if is_gone(error) else f"the log can't be read: {cause(error)}"
        raise OperateError(said) from error


def chain_lines(target: Target, which: Which, since: float) -> Iterator[LogLine]:
    """Yields the lines of the task with an id, then those of the tasks that followed it by `then`, step by
    step: the id of each follows from the name and the id before it. Raises as `log_lines`."""
    steps = [which]
    for step in steps:  # which grows
        names: dict[str, None] = {}
        for line in log_lines(target, replace(step, failed=False), since):
            if line.fields is not None and isinstance(name := line.fields.get("task"), str):
                names[name] = None
            if step.matches(line.text, line.fields):
                yield line
        steps += [replace(which, task=None, id=step_id(NEXT, name, step.id)) for name in names]


def _pattern(which: Which) -> dict[str, str]:
    """Returns what CloudWatch can leave out. The rest is left out here."""
    given = {"task": which.task, "id": which.id}
    said = [f'($.{key} = "{value}")' for key, value in given.items() if value and _SAFE.fullmatch(value)]
    return {"filterPattern": f"{{ {' && '.join(said)} }}"} if said else {}


def _has_failed(text: str, fields: dict[str, Any] | None) -> bool:
    if fields is None:
        return _ENDED.search(text) is not None
    is_lambdas = str(fields.get("type", "")).startswith("platform.")  # a warning, or it would not be logged
    return is_lambdas or fields.get("level") not in _AS_PLANNED
