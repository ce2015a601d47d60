"""Asks what only AWS can answer, on queues of the run that nobody else uses. Each answer is what AWS said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.delivery import MAX_EVENT_BYTES
from zigzag_verify.clock import Clock
from zigzag_verify.seen import Stack
from zigzag_verify.staged import LARGE_BYTES

TAKEN = "taken"
CHARACTERS = {"quotes": '"', "two bytes": "é", "an emoji": "😀", "a line's end": "\n"}
MANY = 1_000


class Scratch:
    """A queue to try SQS on."""

    def __init__(self, stack: Stack, clock: Clock) -> None:
        self.stack, self.clock = stack, clock
        self.sqs = stack.door.client("sqs")
        self.url = stack.made.outputs["ScratchQueueUrl"]

    def send(self, body: str) -> Any:
        fifo = {"MessageGroupId": "g", "MessageDeduplicationId": str(self.clock.now())}
        return self.sqs.send_message(
            QueueUrl=self.url, MessageBody=body, **(fifo if self.stack.made.is_fifo else {})
        )

    def receive(self, hidden_seconds: int = 30) -> tuple[Any, dict[str, Any] | None]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            WaitTimeSeconds=5,
            VisibilityTimeout=hidden_seconds,
            MessageSystemAttributeNames=["All"],
        )
        return answer, next(iter(answer.get("Messages", ())), None)

    def delete(self, message: dict[str, Any] | None) -> None:
        if message:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


def said(call: Callable[[], Any]) -> str:
    """Returns that AWS has taken the call, or the code of its refusal."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return TAKEN


def message_bytes(scratch: Scratch) -> dict[str, Any]:
    sizes = [LARGE_BYTES, LARGE_BYTES + 1]
    told = {f"{size:,} bytes": said(partial(scratch.send, "x" * size)) for size in sizes}
    scratch.delete(scratch.receive()[1])
    return told


def event_bytes(scratch: Scratch) -> dict[str, Any]:
    """Invokes the worker with events that have no message: it refuses them."""
    told = {}
    lambdas, name = scratch.stack.door.client("lambda"), scratch.stack.made.outputs["WorkerFunctionName"]
    for size in (MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1, LARGE_BYTES, LARGE_BYTES + 1):
        event = b'{"pad": "' + b"x" * (size - 11) + b'"}'
        call = partial(lambdas.invoke, FunctionName=name, InvocationType="Event", Payload=event)
        told[f"{size:,} bytes"] = said(call)
    return told


def escaping(scratch: Scratch) -> dict[str, Any]:
    """How many bytes of an answer a character takes."""
    told = {}
    for name, character in CHARACTERS.items():
        lengths = []
        for many in (MANY, 2 * MANY):
            scratch.send(character * many)
            answer, message = scratch.receive()
            lengths.append(int(answer["ResponseMetadata"]["HTTPHeaders"].get("content-length", 0)))
            scratch.delete(message)
        told[f"bytes of {name}"] = (lengths[1] - lengths[0]) / MANY
    return told


def old_handle(scratch: Scratch) -> dict[str, Any]:
    """Is a message deleted by a handle that another one has superseded, and by one whose time is over?"""
    scratch.send("an old handle")
    _, first = scratch.receive(hidden_seconds=1)
    scratch.clock.sleep(3)
    _, second = scratch.receive(hidden_seconds=5)
    told = {"a delete by a superseded handle": said(lambda: scratch.delete(first))}
    scratch.clock.sleep(7)
    _, third = scratch.receive(hidden_seconds=1)
    told["the message is gone then"] = str(third is None and second is not None)
    scratch.clock.sleep(3)
    told["a delete by a handle that is over"] = said(lambda: scratch.delete(third)) if third else "not asked"
    scratch.delete(scratch.receive()[1])
    return told


def redrive_policy(scratch: Scratch) -> dict[str, Any]:
    """May another queue name the task queue for its dead letters, though its policy denies that to all?"""
    policy = {"deadLetterTargetArn": scratch.stack.made.outputs["QueueArn"], "maxReceiveCount": 10}
    attributes = {"RedrivePolicy": json.dumps(policy)}
    return {
        "a dead-letter queue that denies all": said(
            lambda: scratch.sqs.set_queue_attributes(QueueUrl=scratch.url, Attributes=attributes)
        )
    }


def clocks(scratch: Scratch) -> dict[str, Any]:
    answer = scratch.send("the time")
    here = time.time()
    date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    scratch.delete(scratch.receive()[1])
    return {"this machine's clock is ahead of SQS's by, seconds": round(here - date)}


def attribute_names(scratch: Scratch) -> dict[str, Any]:
    scratch.send("names")
    _, message = scratch.receive()
    scratch.delete(message)
    return {"system attributes": sorted((message or {}).get("Attributes", {}))}


QUESTIONS: dict[str, Callable[[Scratch], dict[str, Any]]] = {
    "the limit of a message": message_bytes,
    "the limit of an asynchronous event": event_bytes,
    "the escaping of an answer": escaping,
    "handles of an earlier receive": old_handle,
    "redrive policies": redrive_policy,
    "clocks": clocks,
    "names of attributes": attribute_names,
}


def answers(stack: Stack, clock: Clock) -> dict[str, Any]:
    """Returns the answers of a stack's kind of queue. One that failed is its error."""
    told: dict[str, Any] = {}
    kind, scratch = "FIFO" if stack.made.is_fifo else "standard", Scratch(stack, clock)
    for question, ask in QUESTIONS.items():
        try:
            told[f"{question}, {kind}"] = ask(scratch)
        except (BotoCoreError, ClientError, LookupError, TypeError, ValueError) as error:
            told[f"{question}, {kind}"] = {"not answered": f"{type(error).__name__}: {error}"}
    return told
