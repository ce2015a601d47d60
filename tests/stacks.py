"""Stacks in an account of moto's, as an operator finds them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.sqs import models as sqs_models


@contextmanager
def empty_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Opens an account of moto's."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield


def no_poll_waits(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.1) -> None:
    """Has moto's long polls end at once: each look at its clock is so much later than the last one."""
    now, looks = vars(sqs_models)["unix_time"], itertools.count()
    monkeypatch.setattr(sqs_models.Queue, "wait_for_messages", lambda queue, seconds: None)
    monkeypatch.setattr(sqs_models, "unix_time", lambda: now() + seconds * next(looks))


def before_each_call(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[Any, str, dict[str, Any]], object]
) -> None:
    """Has that happen before each call: it gets the client, the operation's name and what is asked."""
    call = vars(BaseClient)["_make_api_call"]

    def made(client: Any, name: str, asked: dict[str, Any]) -> Any:
        happens(client, name, asked)
        return call(client, name, asked)

    monkeypatch.setattr(BaseClient, "_make_api_call", made)


def refused_without(
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    only: Callable[[Any], bool] = lambda asked: True,
) -> None:
    """Takes the permission for a call away, or for some of these calls only."""

    def judge(_: Any, name: str, asked: dict[str, Any]) -> None:
        if name == operation and only(asked):
            said = {"Code": "AccessDenied", "Message": "not you"}
            raise ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": 403}}, name)  # type: ignore[typeddict-item]

    before_each_call(monkeypatch, judge)


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [tag("zigzag:stack", "zigzag")], **properties}}


def tag(key: str, value: str) -> dict[str, str]:
    return {"Key": key, "Value": value}


FIFO = queue(QueueName="tasks.fifo", FifoQueue=True, ContentBasedDeduplication=True)
"""moto makes no name that ends so by itself."""

TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
    },
}


def deployed(
    task_queue: dict[str, Any],
    flow_control: str | None = None,
    queues: Mapping[str, int] | None = None,
    fifo: str = "",
    trigger: str | None = None,
    reply_to: str | None = None,
    **outputs: str,
) -> dict[str, str]:
    """Deploys a stack called zigzag. Without `flow_control`, `queues`, `trigger` or `reply_to`, it is one
    from before those parameters.

    queues -- names and weights of all queues; the first one's first.
    fifo   -- the name of one that is FIFO. The others are not.
    outputs -- further ones.
    """
    resources = {"TaskQueue": task_queue, "DeadLetterQueue": queue()}
    names = {"QueueUrl": "TaskQueue", "DeadLetterQueueUrl": "DeadLetterQueue"}
    parameters = {}
    if flow_control is not None:
        resources["RecordsTable"], names["RecordsTableName"] = TABLE, "RecordsTable"
        parameters["FlowControl"] = flow_control
    if fifo:
        resources["OtherDeadLetterQueue"] = queue(QueueName="dead.fifo", FifoQueue=True)
        names["OtherDeadLetterQueueUrl"] = "OtherDeadLetterQueue"
    given = {"Trigger": trigger, "ReplyTo": reply_to}
    parameters |= {name: value for name, value in given.items() if value is not None}
    told: list[Any] = []
    for number, (name, weight) in enumerate((queues or {}).items()):
        resource = f"TaskQueue{number}" if number else "TaskQueue"
        resources[resource] = task_queue if not number else FIFO if name == fifo else queue()
        told += [f"{name}:{weight}=", {"Ref": resource}, " "]
    values: dict[str, Any] = {name: {"Ref": resource} for name, resource in names.items()} | outputs
    if told:
        values["Queues"] = {"Fn::Join": ["", told]}
        parameters["DefaultWeight"] = str(next(iter((queues or {}).values())))
    template = {
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": resources,
        "Outputs": {name: {"Value": value} for name, value in values.items()},
    }
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName="zigzag",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": one} for name, one in parameters.items()],
    )
    outputs = cloudformation.describe_stacks(StackName="zigzag")["Stacks"][0]["Outputs"]
    return {one["OutputKey"]: one["OutputValue"] for one in outputs}
