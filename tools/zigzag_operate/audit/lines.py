"""Reads the lines that are judged: those of a deployed stack, or those of files.

Of a stack it needs the permissions `cloudformation:DescribeStacks`, `sqs:GetQueueAttributes` and
`logs:FilterLogEvents`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import chain
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.audit.judge import PLATFORM, Judge, Known
from zigzag_operate.audit.report import Report
from zigzag_operate.causes import cause, is_gone
from zigzag_operate.counts import depths
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.facts.lines import Line, fields_of, gone
from zigzag_operate.queues import queues_of
from zigzag_operate.target import Stack, Target
from zigzag_operate.trigger import is_by_events
from zigzag_operate.words import many

_OF = {"Worker": ("delivery",), "Consumer": ("tick", "dead-letter")}
"""The lines of each function. In the worker's log a task may write any others."""

_DAY_SECONDS = 86_400
_LATEST = 1e11
"""Later than any clock says, and a date still."""


def audit_of_stack(target: Target, since: float, now: float) -> Report:
    """Judges a stack's lines from one time to another, in epoch seconds. Raises OperateError, also if a log
    group is gone, or the lines can't be read."""
    stack = target.stack_as_it_is()
    kept_days = float(stack.parameters.get("LogRetentionDays", "inf"))
    begins = max(since, now - kept_days * _DAY_SECONDS)
    judge = Judge(begins, _known(target, stack))  # counts before lines: what ended before has its line
    unread: list[str] = []
    if begins > since:
        unread.append(f"the log groups keep {many(round(kept_days), 'day')}: what was logged before is gone")
    groups = {_group(stack, name): messages for name, messages in _OF.items()}
    logs = target.client("logs")
    both = (_logged(logs, *group, (begins, now)) for group in groups.items())
    for line in merge(*both, key=_time_of):
        judge.line(line.at, line.fields)
    report = judge.end(now)
    report.unknown += unread
    return report


def audit_of_files(files: Sequence[Iterable[str]], since: float | None, queues_are_empty: bool) -> Report:
    """Judges the lines of files, each in the order of its times.

    since            -- leaves older lines out.
    queues_are_empty -- whether the queues were, after the last line.

    Raises OperateError if there is no line, and OSError if a file can't be read.
    """
    lines = (
        line for line in merge(*map(_lines_in, files), key=_time_of) if since is None or line.at >= since
    )
    if (first := next(lines, None)) is None:
        raise OperateError("no line of Zigzag's functions is there", Kind.WRONG)
    judge, last = Judge(first.at, Known(on_queues=0 if queues_are_empty else None)), first.at
    for line in chain([first], lines):
        last = max(last, line.at)
        judge.line(line.at, line.fields)
    return judge.end(last)


def _known(target: Target, stack: Stack) -> Known:
    queues = queues_of(stack)
    sqs = target.client("sqs")
    try:
        waiting = sum(sum(depths(sqs, queue.url).values()) for queue in queues.values())
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"the queues don't answer: {cause(error)}") from error
    return Known(
        queues={queue.url.rpartition("/")[2]: name for name, queue in queues.items()},
        on_queues=waiting,
        by_events=is_by_events(stack),
    )


def _group(stack: Stack, function: str) -> str:
    output = f"{function}LogGroupName"
    if output not in stack.outputs:
        raise OperateError(f"the stack has no output {output}: deploy this version of Zigzag")
    return stack.outputs[output]


def _logged(logs: Any, group: str, messages: Sequence[str], window: tuple[float, float]) -> Iterator[Line]:
    """Yields the lines of a log group with these messages, and Lambda's own. Keeps one page at a time."""
    ours = " || ".join(f'$.message = "{message}"' for message in messages)
    since, until = (int(time * 1000) for time in window)
    asked = {"logGroupName": group, "startTime": since, "endTime": until}
    pattern = f'{{ {ours} || $.type = "{PLATFORM}*" }}'
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**asked, filterPattern=pattern):
            for event in page["events"]:
                fields = fields_of(event["message"])
                if fields is not None and fields.get("message", messages[0]) in messages:
                    yield Line(event["timestamp"] / 1000, fields)
    except (BotoCoreError, ClientError) as error:
        said = gone(group) if is_gone(error) else f"the log can't be read: {cause(error)}"
        raise OperateError(said) from error


def _lines_in(file: Iterable[str]) -> Iterator[Line]:
    """Yields the lines of a file: as the functions write them, or as `zigzag logs --json` shows them."""
    for text in file:
        fields = fields_of(text)
        if fields is not None and isinstance(shown := fields.get("fields"), dict):
            fields = shown
        if fields is not None and (at := _written_at(fields)) is not None:
            yield Line(at, fields)


def _written_at(fields: dict[str, Any]) -> float | None:
    try:
        at = datetime.fromisoformat(fields["timestamp"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return at if 0 < at < _LATEST else None


def _time_of(line: Line) -> float:
    return line.at
