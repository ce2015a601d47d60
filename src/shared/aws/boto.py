"""The transport of boto3, the reference. It serves every source of credentials, proxies, and every region.

boto3 by itself sends a call up to three times. A delete may be sent so often. A receive may not (messages
would be hidden, and nobody would have their handles), nor an invoke (the task would run up to three times).
So the caller gives the number of attempts, and an invoke is sent once.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol

import boto3
from botocore.compat import urlsplit
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ProxyConnectionError,
)

from shared.aws.identity import Identity, alone
from shared.aws.transport import (
    ANSWER_SECONDS,
    Answered,
    AnsweredError,
    CallError,
    NoAnswerError,
    NotSentError,
    Service,
    TooLateError,
    headers_of,
    never,
)
from shared.ports.queue import MAX_PER_CALL, MAX_POLL_SECONDS

CONNECT_SECONDS = 2.0

_NOTHING_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ProxyConnectionError,
)  # SSLError is not here: it may come after the bytes were sent

_until: ContextVar[float] = ContextVar("until", default=math.inf)  # no call is sent later, but by a pool

_METHODS: Mapping[str, Callable[[Any], Callable[..., Any]]] = {  # boto3's name of each operation
    "ChangeMessageVisibilityBatch": lambda sqs: sqs.change_message_visibility_batch,
    "DeleteMessageBatch": lambda sqs: sqs.delete_message_batch,
    "GetQueueAttributes": lambda sqs: sqs.get_queue_attributes,
    "ReceiveMessage": lambda sqs: sqs.receive_message,
    "SendMessage": lambda sqs: sqs.send_message,
    "SendMessageBatch": lambda sqs: sqs.send_message_batch,
    "Publish": lambda sns: sns.publish,
    "UpdateItem": lambda dynamodb: dynamodb.update_item,
    "BatchGetItem": lambda dynamodb: dynamodb.batch_get_item,
    "CreateSchedule": lambda scheduler: scheduler.create_schedule,
}


class Caller(Protocol):
    """Makes a blocking call."""

    def __call__[R](self, function: Callable[..., R], /, **arguments: Any) -> Awaitable[R]: ...


async def in_place[R](function: Callable[..., R], /, **arguments: Any) -> R:
    """Makes the call without an event loop, for the worker, which makes one call at a time."""
    return function(**arguments)


def in_threads(pool: Executor) -> Caller:
    """Returns a caller that uses the pool's threads, so that an event loop can make many calls."""
    import asyncio  # not loaded by the worker, which calls in place

    async def call[R](function: Callable[..., R], /, **arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(pool, partial(function, **arguments))

    return call


class BotoTransport:
    """Calls through boto3's clients.

    attempts    -- most times that a call is sent; an invoke is sent once.
    connections -- number of connections that each client keeps.
    call        -- makes the blocking calls.
    ends_at     -- returns when the invocation ends, in epoch seconds.
    clients     -- boto3's clients that exist already, for another account or place; for this process only.
    messages    -- most messages of a receive: an answer is parsed as a whole, at some 20 MB a large message.
    identity    -- the identity that calls; without one, boto3's default session calls.
    region      -- the region to call, if it is not the caller's own.
    """

    def __init__(
        self,
        *,
        attempts: int,
        connections: int = 10,
        call: Caller = in_place,
        ends_at: Callable[[], float] = never,
        clients: Mapping[Service, Any] | None = None,
        messages: int = MAX_PER_CALL,
        identity: Identity | None = None,
        region: str | None = None,
    ) -> None:
        make: Any = boto3.client if identity is None else partial(identity.client, boto3.Session)
        self._make = partial(make, region_name=region)
        self._messages = messages
        self._attempts = attempts
        self._connections = connections
        self._call = call
        self._ends_at = ends_at
        self._process = os.getpid()
        self._given = dict(clients or {})
        # A forked child makes its own clients: its parent's have connections that both would share.
        self._clients: dict[tuple[int, Service, bool], Any] = {}

    def prepare(self, *services: Service) -> None:
        for service in services:
            self.client(service)

    async def call(
        self, service: Service, operation: str, parameters: Mapping[str, Any], until: float = math.inf
    ) -> Answered:
        until = min(until, self._ends_at())
        if time.time() >= until:
            raise TooLateError
        _until.set(until)
        if operation == "ReceiveMessage":
            asked = parameters["MaxNumberOfMessages"]
            if self._messages < asked <= MAX_PER_CALL:
                parameters = {**parameters, "MaxNumberOfMessages": self._messages}
        client = self.client(service, waits=parameters.get("WaitTimeSeconds", 0) > 0)
        answer = await self._ask(_METHODS[operation](client), **parameters)
        headers = answer.pop("ResponseMetadata", {}).get("HTTPHeaders", {})
        return Answered(answer, headers.get("date"))

    async def invoke(self, function: str, event: bytes) -> None:
        await self._ask(
            partial(_invoke, self.client("lambda")),
            FunctionName=function,
            InvocationType="Event",
            Payload=event,
        )

    def client(self, service: Service, *, waits: bool = False) -> Any:
        """Returns boto3's client of the service. Raises NotSentError if it can't be made.

        waits -- whether the answer may take as long as a receive waits.
        """
        process = os.getpid()
        if service in self._given:
            if process != self._process:
                raise NotSentError("ForkedClient", "the client is the parent process's; make one here")
            return self._given[service]
        of_this = (process, service, waits)
        if of_this not in self._clients:
            with alone():
                if of_this not in self._clients:
                    self._clients[of_this] = self._made(service, waits)
        return self._clients[of_this]

    def _made(self, service: Service, waits: bool) -> Any:
        config = Config(
            retries={
                "total_max_attempts": 1 if service == "lambda" else self._attempts,
                "mode": "standard",
            },
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS[service] + (MAX_POLL_SECONDS if waits else 0),
            max_pool_connections=self._connections,
        )
        try:
            client = self._make(service, config=config)
            int(urlsplit(client.meta.endpoint_url).port or 0)  # boto would refuse it only at the call
        except (BotoCoreError, ValueError) as error:
            of_what = "the endpoint, as AWS_ENDPOINT_URL sets it: " if isinstance(error, ValueError) else ""
            raise NotSentError(type(error).__name__, f"{of_what}{error}") from error
        client.meta.events.register("before-send", _refuse_late)
        client.meta.events.register("before-parse", _refuse_half)
        client.meta.events.register("before-call.lambda.Invoke", _add_headers)
        return client

    def close(self) -> None:
        if (process := os.getpid()) == self._process:
            for client in self._given.values():
                client.close()
        for of_this in [of_this for of_this in self._clients if of_this[0] == process]:
            self._clients.pop(of_this).close()

    async def _ask(self, function: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return await self._call(function, **arguments)
        except ClientError as error:
            raise _answered(error) from error
        except BotoCoreError as error:
            kind: type[CallError] = NotSentError if isinstance(error, _NOTHING_SENT) else NoAnswerError
            raise kind(type(error).__name__, str(error)) from error


def _invoke(client: Any, **arguments: Any) -> None:
    client.invoke(**arguments)["Payload"].read()  # unread, its connection can't be used again


def _add_headers(params: Any, **_: Any) -> None:
    params["headers"].update(headers_of(params["body"]))


class _TooLateError(BotoCoreError):
    fmt = "no time was left for it"


def _refuse_late(**_: Any) -> None:
    """Raises _TooLateError before a call is sent too late. boto has no such limit itself."""
    if time.time() >= _until.get():
        raise _TooLateError


def _refuse_half(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raises IncompleteReadError for half an answer. boto takes it for all: a queue would look empty."""
    if response_dict["status_code"] >= 300:
        return  # its status is enough
    body, length = response_dict["body"], response_dict["headers"].get("content-length", "")
    if isinstance(body, bytes) and length.isdecimal() and len(body) < int(length):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=int(length))


def _answered(error: ClientError) -> AnsweredError:
    response: Mapping[str, Any] = error.response
    said = response.get("Error", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return AnsweredError(said.get("Code", "Unknown"), said.get("Message", str(error)), status, response)
