"""The resources of a run, by its name in each service's own list, and by its tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_verify.door import Door
from zigzag_verify.names import PREFIX, TAG, is_made, run_of, stacks_of
from zigzag_verify.policy import RESOURCES

GONE = ("does not exist", "NonExistentQueue", "ResourceNotFound", "NoSuch", "QueueDoesNotExist")


def is_gone(error: ClientError) -> bool:
    """Returns whether it says that there is no such thing."""
    return any(word in str(error) for word in GONE)


def stacks(door: Door, run: str) -> Iterator[str]:
    for name in stacks_of(run):
        try:
            found = door.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if not is_gone(error):
                raise
            continue
        yield from (str(one["StackName"]) for one in found if one["StackStatus"] != "DELETE_COMPLETE")


def _pages(
    service: str, operation: str, key: str, name: str, **arguments: str
) -> Callable[[Door, str], Iterator[str]]:
    """Returns what lists a service's resources of a run. `{prefix}` in an argument is the run's."""

    def named(door: Door, run: str) -> Iterator[str]:
        prefix = f"{PREFIX}{run}-"
        given = {parameter: value.format(prefix=prefix) for parameter, value in arguments.items()}
        for page in door.client(service).get_paginator(operation).paginate(**given):
            for one in page.get(key) or ():
                found = str(one[name] if name else one)
                if found.rpartition("/")[2].startswith(prefix):
                    yield found

    return named


KINDS: dict[str, Callable[[Door, str], Iterator[str]]] = {
    "stack": stacks,
    "queue": _pages("sqs", "list_queues", "QueueUrls", "", QueueNamePrefix="{prefix}"),
    "table": _pages("dynamodb", "list_tables", "TableNames", ""),
    "bucket": _pages("s3", "list_buckets", "Buckets", "Name"),
    "log group": _pages(
        "logs", "describe_log_groups", "logGroups", "logGroupName", logGroupNamePrefix="{prefix}"
    ),
    "function": _pages("lambda", "list_functions", "Functions", "FunctionName"),
    "rule": _pages("events", "list_rules", "Rules", "Name", NamePrefix="{prefix}"),
    "alarm": _pages("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName", AlarmNamePrefix="{prefix}"),
    "role": _pages("iam", "list_roles", "Roles", "RoleName"),
    "policy": _pages("iam", "list_policies", "Policies", "Arn", Scope="Local"),
}
"""Each kind of resource that a run makes, and its service's own list of it."""


def found(door: Door, run: str) -> tuple[dict[str, list[str]], list[str]]:
    """Returns the names of what there is, by its kind, and why a kind could not be looked for."""
    there: dict[str, list[str]] = {}
    unknown: list[str] = []
    for kind, listed in KINDS.items():
        try:
            there[kind] = list(listed(door, run))
        except (BotoCoreError, ClientError) as error:
            unknown.append(f"{kind}: {cause(error)}")
    return there, unknown


def by_tag(door: Door, run: str | None = None) -> list[str]:
    """Returns the ARNs that the tagging API lists; without a run, of all runs. It may lag behind."""
    wanted: dict[str, Any] = {"Key": TAG, "Values": [run]} if run else {"Key": TAG}
    pages = door.client("resourcegroupstaggingapi").get_paginator("get_resources")
    answers = pages.paginate(TagFilters=[wanted])
    return [str(one["ResourceARN"]) for page in answers for one in page["ResourceTagMappingList"]]


def is_listed(arn: str, run: str) -> bool:
    """Returns whether the lists of `KINDS` would have what an ARN names, if it is there."""
    return arn.split(":")[2] in RESOURCES and run_of(arn) == run


def runs_there(door: Door) -> set[str]:
    """Returns the runs of which there may be something, by the tag, and by names of queues and buckets."""
    tagged = {run for arn in by_tag(door) if (run := run_of(arn))}
    queues = door.client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=PREFIX)
    names = [str(url) for page in queues for url in page.get("QueueUrls") or ()]
    names += [str(one["Name"]) for one in door.client("s3").list_buckets().get("Buckets", ())]
    return tagged | {run for name in names if (run := run_of(name)) and is_made(name, run)}
