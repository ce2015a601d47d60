"""A task that counts itself in a transaction with its completion, and comes to harm the first time."""

import os
import signal
import time
from typing import Any

import boto3

from zigzag import Context, Next, task

LATER_SECONDS = 60
"""After so many seconds it has been delivered before."""


@task(idempotent=True, attempts=3)
def booked(payload: dict[str, Any], context: Context) -> None:
    dynamodb, completion = boto3.client("dynamodb"), context.completion
    assert context.sent_at is not None
    harm = payload["harm"] if time.time() - context.sent_at.timestamp() < LATER_SECONDS else "none"
    if harm == "killed before":
        os.kill(os.getpid(), signal.SIGKILL)
    if harm == "lost":
        dynamodb.update_item(
            TableName=completion["Update"]["TableName"],
            Key=completion["Update"]["Key"],
            UpdateExpression="SET #owner = :another, #until = :until",
            ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
            ExpressionAttributeValues={
                ":another": {"S": "another"},
                ":until": {"N": str(time.time() + LATER_SECONDS)},
            },
        )
    dynamodb.transact_write_items(TransactItems=[_times(context), completion])
    if harm == "killed after":
        os.kill(os.getpid(), signal.SIGKILL)
    if harm == "raises":
        raise ValueError("too late to fail")


@task(idempotent=True, attempts=3)
def told(payload: dict[str, Any], context: Context) -> Next:
    """Is killed after its transaction, which says what follows, or not."""
    following = booked.then({"harm": "none"})
    completion = context.completion_with(following) if payload["says"] else context.completion
    boto3.client("dynamodb").transact_write_items(TransactItems=[_times(context), completion])
    os.kill(os.getpid(), signal.SIGKILL)
    return following


def _times(context: Context) -> dict[str, Any]:
    times = {
        "TableName": os.environ["ACCOUNT_TABLE"],
        "Key": {"id": {"S": context.id}},
        "UpdateExpression": "ADD times :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return {"Update": times}
