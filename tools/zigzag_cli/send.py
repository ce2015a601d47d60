"""`zigzag send`: checks a payload and puts a message on the queue."""

from __future__ import annotations

import json
import sys
from typing import Any

from shared.aws.boto import BotoTransport
from shared.aws.sqs_queue import SqsQueue
from shared.ports.queue import QueueError
from zigzag import BadPayloadError, PayloadTooLargeError, SendError, Task
from zigzag.in_place import run_in_place
from zigzag.send import Options, compose
from zigzag_cli.failure import BAD_PAYLOAD, WRONG_OPTION, Failure
from zigzag_cli.target import Target


def given(payload: str) -> str:
    """Reads the payload from standard input if it is `-`. Raises Failure if that can't be read."""
    if payload != "-":
        return payload
    if sys.stdin is None:
        raise Failure("standard input is closed, and has no payload", BAD_PAYLOAD)
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise Failure(f"standard input is not UTF-8: {error}", BAD_PAYLOAD) from error


def checked(task: Task[Any, Any, Any], payload: str) -> dict[str, Any]:
    """Returns the payload if it is JSON that fits the task. Raises Failure, which says why it does not."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Failure(f"the payload is not JSON: {error}", BAD_PAYLOAD) from error
    if not isinstance(value, dict):
        raise Failure('the payload must be a JSON object, such as {"name": "world"}', BAD_PAYLOAD)
    try:
        return task.check(value)
    except BadPayloadError as error:
        raise Failure(str(error), BAD_PAYLOAD) from error


def send(target: Target, task: str, payload: dict[str, Any], options: Options) -> dict[str, str]:
    """Puts a message on the stack's queue. Returns its MessageId and the queue. Raises Failure."""
    queue_url = target.outputs()["QueueUrl"]
    try:
        message = compose(task, payload, options, queue_url)
        transport = BotoTransport(attempts=1, clients={"sqs": target.client("sqs")})
        message_id = run_in_place(SqsQueue(transport, queue_url).send(message))
    except (BadPayloadError, PayloadTooLargeError) as error:
        raise Failure(str(error), BAD_PAYLOAD) from error
    except SendError as error:
        raise Failure(str(error), WRONG_OPTION) from error
    except QueueError as error:
        raise Failure(f"the queue refused the message: {error}") from error
    return {"message_id": message_id, "queue_url": queue_url}
