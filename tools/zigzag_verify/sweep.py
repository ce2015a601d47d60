"""Takes away all that a run has made, as often as it takes, and looks whether anything is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_verify.clock import Clock
from zigzag_verify.door import Door
from zigzag_verify.finding import by_tag, found, is_gone, is_listed
from zigzag_verify.names import is_made

SWEEP_SECONDS = 420
"""CloudFormation deletes a stack within two minutes, and SQS may list a queue for one more."""

PASS_SECONDS = 10

WITH_DATA = {"queue", "table", "bucket", "log group"}
"""Kinds of which only what has a run's full name is taken. AWS may cut the names of other kinds."""


@dataclass
class Swept:
    """The result of a sweep.

    left    -- what there still is, or could not be looked for, in words.
    taken   -- how many resources were taken away by verify itself, by their kind.
    by_tag  -- the resources of the run that the tagging API lists at the end. All of these are gone by
               their services' own lists: it lags behind.
    """

    left: list[str] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    by_tag: list[str] = field(default_factory=list)


def sweep(door: Door, run: str, clock: Clock, seconds: float = SWEEP_SECONDS) -> Swept:
    """Takes away what a run has made. An error does not end it, nor does a part that takes its time."""
    swept, until = Swept(), clock.now() + seconds
    while True:
        there, problems = found(door, run)
        there |= {one: [name for name in there[one] if is_made(name, run)] for one in WITH_DATA & {*there}}
        problems += _take_away(door, there, swept.taken)
        left = [f"{kind} {name}" for kind, names in there.items() for name in names]
        if not left and not problems:
            try:
                swept.by_tag = by_tag(door, run)
                problems += [f"by the tag: {arn}" for arn in swept.by_tag if not is_listed(arn, run)]
            except (BotoCoreError, ClientError) as error:
                problems.append(f"by the tag: {cause(error)}")
        swept.left = left + problems
        if not swept.left or clock.now() >= until:
            return swept
        clock.sleep(PASS_SECONDS)


def _take_away(door: Door, there: dict[str, list[str]], taken: Counter[str]) -> list[str]:
    """Deletes what there is; while there is a stack, stacks, and queues, as SQS lists one on for a minute.
    Returns what failed, in words."""
    kinds = ["stack", "queue"] if there.get("stack") or "stack" not in there else list(DELETES)
    problems = []
    for kind in kinds:
        for name in there.get(kind, ()):
            try:
                DELETES[kind](door, name)
                taken[kind] += 1
            except ClientError as error:
                if not is_gone(error):
                    problems.append(f"{kind} {name}: {cause(error)}")
            except BotoCoreError as error:
                problems.append(f"{kind} {name}: {cause(error)}")
    return problems


def _stack(door: Door, name: str) -> None:
    door.client("cloudformation").delete_stack(StackName=name)


def _queue(door: Door, url: str) -> None:
    door.client("sqs").delete_queue(QueueUrl=url)


def _table(door: Door, name: str) -> None:
    tables = door.client("dynamodb")
    tables.update_table(TableName=name, DeletionProtectionEnabled=False)
    tables.delete_table(TableName=name)


def _bucket(door: Door, name: str) -> None:
    s3 = door.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
        if keys:
            s3.delete_objects(Bucket=name, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=name)


def _group(door: Door, name: str) -> None:
    door.client("logs").delete_log_group(logGroupName=name)


def _function(door: Door, name: str) -> None:
    door.client("lambda").delete_function(FunctionName=name)


def _rule(door: Door, name: str) -> None:
    door.client("events").remove_targets(Rule=name, Ids=["ConsumerFunctionTickLambdaTarget"])
    door.client("events").delete_rule(Name=name)


def _alarm(door: Door, name: str) -> None:
    door.client("cloudwatch").delete_alarms(AlarmNames=[name])


DELETES: dict[str, Callable[[Door, str], None]] = {
    "stack": _stack,
    "queue": _queue,
    "table": _table,
    "bucket": _bucket,
    "log group": _group,
    "function": _function,
    "rule": _rule,
    "alarm": _alarm,
}
"""How a kind is taken away. Roles and policies go with their stack only."""
