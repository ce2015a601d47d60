"""The use of a deployed stack in the last day, by CloudWatch's own metrics, and its functions as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_operate.cost.bills import Stack, stack_of
from zigzag_operate.cost.lines import Line, price
from zigzag_operate.queues import queues_of
from zigzag_operate.target import Stack as Deployed
from zigzag_operate.target import Target

DAY = timedelta(days=1)
A_MONTH = (30, "days")


@dataclass(frozen=True, slots=True)
class Used:
    """A stack as it is, and its last day: figures by name, and what could not be looked at."""

    stack: Stack
    figures: Mapping[str, float]
    unknown: tuple[str, ...]


def used(target: Target) -> Used:
    """Returns what the stack used. Raises OperateError if there is none."""
    deployed = target.stack_as_it_is()
    stack, unknown = stack_of(deployed.parameters), []
    try:
        stack = replace(stack, setup=_as_they_are(target, deployed, stack.setup))
    except (BotoCoreError, ClientError) as error:
        unknown.append(f"memory and architecture are the parameters': {cause(error)}")
    try:
        figures = _figures(target, deployed)
    except (BotoCoreError, ClientError) as error:
        unknown.append(f"the last day is unknown, it needs cloudwatch:GetMetricData: {cause(error)}")
        return Used(stack, {}, tuple(unknown))
    tasks = figures.get("deleted", 0)
    if tasks and figures.get("worker ms"):
        stack = replace(stack, task_seconds=round(figures["worker ms"] / 1000 / tasks, 4))
    if tasks:
        stack = replace(stack, writes=round(figures.get("writes", 0) / tasks, 2))
    return Used(stack, figures, tuple(unknown))


def last_day(of: Used) -> list[Line]:
    """Returns the lines of a month of such days. Each message that was received counts as a receive, so SQS's
    line is the most that it can be."""
    setup, figures = of.stack.setup, of.figures
    each = price("lambda", "gb_second", setup.architecture)
    lines = []
    for name, memory in (("consumer", setup.memory_mb), ("worker", setup.of_worker)):
        seconds = (figures.get(f"{name} ms", 0) / 1000, "s")
        lines.append(Line("lambda_time", f"Lambda, {name}", A_MONTH, seconds, (memory / 1024, "GB"), each))
    starts = figures.get("consumer starts", 0) + figures.get("worker starts", 0)
    calls = sum(figures.get(name, 0) for name in ("sent", "received", "deleted", "empty"))
    sqs = price("sqs", "fifo_request" if setup.fifo else "request")
    gigabytes = (figures.get("log bytes", 0) / 1e9, "GB")
    return [
        *lines,
        Line("lambda_requests", "Lambda, requests", A_MONTH, (starts, "starts"), price("lambda", "request")),
        Line("sqs", "SQS, at most", A_MONTH, (calls, "requests"), sqs),
        Line(
            "dynamodb", "DynamoDB", A_MONTH, (figures.get("writes", 0), "writes"), price("dynamodb", "write")
        ),
        Line("logs", "CloudWatch, logs", A_MONTH, gigabytes, price("cloudwatch", "log_gb")),
    ]


def _as_they_are(target: Target, deployed: Deployed, setup: Any) -> Any:
    found = {}
    for name in ("Consumer", "Worker"):
        function = deployed.outputs[f"{name}FunctionName"]
        found[name] = target.client("lambda").get_function_configuration(FunctionName=function)
    (machine,) = found["Worker"].get("Architectures", [setup.architecture])
    memory = {name: int(one["MemorySize"]) for name, one in found.items()}
    return replace(setup, memory_mb=memory["Consumer"], worker_mb=memory["Worker"], architecture=machine)


def _figures(target: Target, deployed: Deployed) -> dict[str, float]:
    now = datetime.now(UTC)
    wanted = list(_wanted(deployed))
    answer = target.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": metric,
                        "Dimensions": [{"Name": dimension, "Value": value}],
                    },
                    "Period": 3600,
                    "Stat": "Sum",
                },
            }
            for number, (_, namespace, metric, dimension, value) in enumerate(wanted)
        ],
        StartTime=now - DAY,
        EndTime=now,
    )
    found: dict[str, float] = {}
    for one in answer["MetricDataResults"]:
        name = wanted[int(one["Id"][1:])][0]
        found[name] = found.get(name, 0.0) + sum(one["Values"])
    return found


def _wanted(deployed: Deployed) -> list[tuple[str, str, str, str, str]]:
    """Returns the figure, namespace, metric and dimension of each series."""
    outputs, wanted = deployed.outputs, []
    for name in ("Consumer", "Worker"):
        of = ("FunctionName", outputs[f"{name}FunctionName"])
        wanted.append((f"{name.lower()} starts", "AWS/Lambda", "Invocations", *of))
        wanted.append((f"{name.lower()} ms", "AWS/Lambda", "Duration", *of))
        wanted.append(
            ("log bytes", "AWS/Logs", "IncomingBytes", "LogGroupName", outputs[f"{name}LogGroupName"])
        )
    table = outputs["RecordsTableName"]
    wanted.append(("writes", "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", table))
    of_queue = {"sent": "Sent", "received": "Received", "deleted": "Deleted"}
    for queue in queues_of(deployed).values():
        name = queue.url.rpartition("/")[2]
        for figure, metric in of_queue.items():
            wanted.append((figure, "AWS/SQS", f"NumberOfMessages{metric}", "QueueName", name))
        wanted.append(("empty", "AWS/SQS", "NumberOfEmptyReceives", "QueueName", name))
    return wanted
