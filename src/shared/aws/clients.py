"""How are boto3's clients made? With time-outs and attempts chosen for each use.

boto3 by itself sends a call up to three times. That is right for a delete, and wrong for a receive
(messages would be hidden with nobody holding their handles) and for an invoke (the task would run
up to three times).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from shared.ports import LONGEST_WAIT_SECONDS, QueueError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

CONNECT_SECONDS = 2


def sqs_client(*, attempts: int, connections: int = 10) -> SQSClient:
    """A client for SQS that sends each call at most `attempts` times.

    Raises QueueError if it can't be made: no region is set, say.
    """
    config = Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=LONGEST_WAIT_SECONDS + 5,
        max_pool_connections=connections,
    )
    try:
        return boto3.client("sqs", config=config)
    except BotoCoreError as error:
        raise QueueError(type(error).__name__, str(error)) from error


def lambda_client(*, connections: int = 10) -> LambdaClient:
    """A client for Lambda that sends an invoke once."""
    return boto3.client(
        "lambda",
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=5,
            max_pool_connections=connections,
        ),
    )


def dynamodb_client() -> DynamoDBClient:
    """A client for DynamoDB: a change with a condition may be sent again."""
    return boto3.client(
        "dynamodb",
        config=Config(
            retries={"total_max_attempts": 4, "mode": "standard"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=5,
        ),
    )


class Caller(Protocol):
    """How an adapter makes a blocking call."""

    def __call__[R](self, function: Callable[..., R], /, **arguments: Any) -> Awaitable[R]: ...


async def in_place[R](function: Callable[..., R], /, **arguments: Any) -> R:
    """Makes the call here and now, without an event loop: for the worker, which does one thing."""
    return function(**arguments)


def in_threads(pool: Executor) -> Caller:
    """Makes calls in the pool's threads, so that an event loop can have several under way."""

    import asyncio  # not loaded by the worker, which calls in place

    async def call[R](function: Callable[..., R], /, **arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(pool, partial(function, **arguments))

    return call
