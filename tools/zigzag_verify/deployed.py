"""The tasks that verify deploys. Each start and effect is an item of a table of their own."""

import functools
import os
import signal
import time
import uuid
from typing import Any, Literal

import boto3
from pydantic import BaseModel

from zigzag import Backoff, Context, Reject, task

SOON = Backoff(first=1, longest=2)


class Wish(BaseModel):
    """The wish of a payload: its task's behaviour.

    does    -- `fails` and `dies` do so at the task's first start only.
    seconds -- how long it takes.
    """

    does: Literal["good", "fails", "dies", "is rejected"] = "good"
    seconds: float = 0
    pad: str = ""


@functools.cache
def _table() -> Any:
    return boto3.client("dynamodb")


def note(what: str, context: Context) -> None:
    """Writes one item: a start, or an effect, with the time."""
    _table().put_item(
        TableName=os.environ["VERIFY_TABLE"],
        Item={
            "id": {"S": context.id},
            "run": {"S": f"{what}#{uuid.uuid4().hex}"},
            "at": {"N": f"{time.time():.3f}"},
        },
    )


def is_first(context: Context) -> bool:
    """Returns whether nobody has asked this of the task before."""
    try:
        _table().put_item(
            TableName=os.environ["VERIFY_TABLE"],
            Item={"id": {"S": context.id}, "run": {"S": "first"}},
            ConditionExpression="attribute_not_exists(id)",
        )
    except _table().exceptions.ConditionalCheckFailedException:
        return False
    return True


def live(wish: Wish, context: Context) -> None:
    note("start", context)
    if wish.does == "is rejected":
        raise Reject("as wished")
    if wish.does in ("fails", "dies") and is_first(context):
        if wish.does == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("as wished")
    time.sleep(wish.seconds)
    note("effect", context)


@task(attempts=5, backoff=SOON)
def verify(wish: Wish, context: Context) -> None:
    live(wish, context)


@task(attempts=5, backoff=SOON, idempotent=True)
def verify_once(wish: Wish, context: Context) -> None:
    live(wish, context)


@task
def verify_away(wish: Wish, context: Context) -> None:
    """Is rejected until an item says that the service is back."""
    key = {"id": {"S": "the service"}, "run": {"S": "is back"}}
    answer = _table().get_item(TableName=os.environ["VERIFY_TABLE"], Key=key, ConsistentRead=True)
    if "Item" not in answer:
        note("start", context)
        raise Reject("the service is away")
    live(wish, context)
