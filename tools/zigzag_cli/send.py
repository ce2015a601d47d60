"""`zigzag send`: a message on the queue, its payload checked first."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag import SendError, Task
from zigzag.send import encode
from zigzag_cli.failure import BAD_PAYLOAD, Failure
from zigzag_cli.target import Target


def body(task: Task[Any, Any, Any], payload: str, *, id: str | None) -> str:
    """The message's body, if `payload` is JSON that fits the task. Raises Failure, which says why not."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Failure(f"the payload is not JSON: {error}", BAD_PAYLOAD) from error
    if not isinstance(value, dict):
        raise Failure('the payload must be a JSON object, such as {"name": "world"}', BAD_PAYLOAD)
    try:
        return encode(task.name, task.check(value), id=id)
    except SendError as error:
        raise Failure(str(error), BAD_PAYLOAD) from error


def send(target: Target, body: str, *, delay_seconds: int) -> dict[str, str]:
    """Puts the body on the stack's queue; the MessageId and the queue. Raises Failure."""
    queue_url = target.outputs()["QueueUrl"]
    try:
        answer = target.client("sqs").send_message(
            QueueUrl=queue_url, MessageBody=body, DelaySeconds=delay_seconds
        )
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"the queue refused the message: {error}") from error
    return {"message_id": answer["MessageId"], "queue_url": queue_url}
