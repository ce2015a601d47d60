"""A task that shows what it got: it puts it on the queue of another, which nobody polls."""

import json
import os
from typing import Any

import boto3

from zigzag import Context, task


@task
def show(payload: dict[str, Any], context: Context) -> None:
    shown = json.dumps({"id": context.id, "payload": payload})
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["ZIGZAG_QUEUES"].split("=")[1].strip(), MessageBody=shown
    )


@task
def publish(payload: dict[str, Any]) -> None:
    show.publish(payload, id=payload["id"])
