"""The lean transport: calls AWS from Lambda's functions, at a seventh of boto's processor time.

It uses only the standard library (`docs/adr/0009` has the reasons and the figures). It supports what a
function on Lambda has: credentials in the environment, and endpoints of the region or named by variables.
`endpoint.py` names all that it does not support, and boto serves that.
"""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Awaitable, Callable, Mapping
from os import getpid
from random import uniform
from time import time
from typing import Any

from shared.aws.lean import http11
from shared.aws.lean.connections import Arriving, Connections
from shared.aws.lean.endpoint import AwsEnvironment
from shared.aws.lean.large import ATTRIBUTES, LARGE_BYTES, messages_in, with_bytes
from shared.aws.lean.signature import Signer, quoted
from shared.aws.lean.streams import Streams
from shared.aws.lean.trust import trust
from shared.aws.transport import (
    ANSWER_SECONDS,
    Answered,
    AnsweredError,
    CallError,
    NoAnswerError,
    NotSentError,
    NotTrustedError,
    NotUnderstoodError,
    Service,
    TooLateError,
    headers_of,
    is_throttle,
    never,
    understood,
)

_JSON: Mapping[Service, tuple[str, str]] = {
    "sqs": ("AmazonSQS", "application/x-amz-json-1.0"),
    "dynamodb": ("DynamoDB_20120810", "application/x-amz-json-1.0"),
}
"""The prefix of an operation's name, and the content type, for each service
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html)."""

_MAX_PAUSE_SECONDS = 20.0
_AGAIN = (500, 502, 503, 504)


def _base64(value: Any) -> str:
    """Returns bytes in base64, for JSON. Raises TypeError for any other value."""
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} can't be sent")
    return base64.b64encode(value).decode()


_ENCODER = json.JSONEncoder(default=_base64, separators=(",", ":"))


class LeanTransport:
    """Calls from within Lambda.

    attempts    -- most times that a call is sent; an invoke is sent once.
    connections -- most connections to each service.
    streams     -- the way to wait.
    ends_at     -- returns when the invocation ends, in epoch seconds.
    arriving    -- is told the length of a receive's answer, before most of it is read.
    """

    def __init__(
        self,
        environment: AwsEnvironment,
        streams: Streams,
        *,
        attempts: int,
        connections: int = 1,
        ends_at: Callable[[], float] = never,
        arriving: Arriving | None = None,
    ) -> None:
        self._environment = environment
        self._streams = streams
        self._attempts = attempts
        self._connections = connections
        self._ends_at = ends_at
        # A forked child has its own lines: to close its parent's connections may disturb the parent.
        self._lines: dict[tuple[int, Service], _Line] = {}
        self._arriving = arriving

    def prepare(self, *services: Service) -> None:
        for service in services:
            self._line(service)

    async def call(
        self, service: Service, operation: str, parameters: Mapping[str, Any], until: float = math.inf
    ) -> Answered:
        line = self._line(service)
        prefix, content_type = _JSON[service]
        headers = {"content-type": content_type, "x-amz-target": f"{prefix}.{operation}"}
        body = _ENCODER.encode(parameters).encode()
        receives = operation == "ReceiveMessage"
        until = min(until, self._ends_at())
        seconds = ANSWER_SECONDS[service] + parameters.get("WaitTimeSeconds", 0)
        arriving = self._arriving if receives else None
        most = http11.MAX_ANSWER_BYTES if receives else http11.SMALL_BODY_BYTES
        answer = await self._sent_until_done(
            lambda left: line.post("/", headers, body, seconds, left, arriving, most), until
        )
        return Answered(_received(answer) if receives else _json(answer), answer.header(b"date"))

    async def invoke(self, function: str, event: bytes) -> None:
        path = f"/2015-03-31/functions/{quoted(function)}/invocations"
        headers = {"x-amz-invocation-type": "Event", **headers_of(event)}
        await self._line("lambda").post(path, headers, event, ANSWER_SECONDS["lambda"])

    def close(self) -> None:
        for (process, _), line in self._lines.items():
            if process == getpid():
                line.connections.close()

    def _line(self, service: Service) -> _Line:
        of_this = (getpid(), service)
        if of_this not in self._lines:
            self._lines[of_this] = _Line(service, self._environment, self._streams, self._connections)
        return self._lines[of_this]

    async def _sent_until_done(
        self, send: Callable[[float], Awaitable[http11.HttpAnswer]], until: float
    ) -> http11.HttpAnswer:
        """Returns the answer to the last attempt. `send` gets the seconds that are left. Raises CallError."""
        failed: CallError | None = None
        for attempt in range(1, self._attempts + 1):
            if (left := until - time()) <= 0:
                break
            try:
                return await send(left)
            except CallError as error:
                if attempt == self._attempts or not _may_work_later(error):
                    raise
                failed = error
            pause = uniform(0, min(2 ** (attempt - 1), _MAX_PAUSE_SECONDS))
            await self._streams.sleep(min(pause, max(0.0, until - time())))
        raise failed or TooLateError


class _Line:
    """The connections to one service, and the signer of its requests."""

    def __init__(self, service: Service, environment: AwsEnvironment, streams: Streams, limit: int) -> None:
        endpoint = environment.endpoint(service)
        try:
            trusted = trust(environment.ca_bundle) if endpoint.secure else None
        except OSError as error:
            raise NotSentError(type(error).__name__, f"the CA bundle can't be read: {error}") from error
        self.connections = Connections(endpoint.host, endpoint.port, trusted, streams, limit)
        self._host, self._target = endpoint.host_header, endpoint.target
        self._signer = Signer(environment.credentials, environment.region, service)

    async def post(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        seconds: float,
        left: float = math.inf,
        arriving: Arriving | None = None,
        most: int = http11.SMALL_BODY_BYTES,
    ) -> http11.HttpAnswer:
        """Returns a good answer, whose body has at most `most` bytes. The answer may take `seconds`, and all
        together `left`. Raises CallError."""
        host, path = self._host, self._target(path)

        def request() -> bytes:
            # Signed once there is a connection: a signature is valid for a few minutes only.
            signed = self._signer.headers("POST", host, path, headers, body, time())
            every = {"host": host, **_trace(), **headers, **signed}
            return http11.request("POST", path, every, body)

        answer = await self.connections.exchange(request, seconds, left, arriving, most)
        if answer.status >= 300:
            raise _error(answer)
        return answer


def _trace() -> dict[str, str]:
    """Returns the header by which X-Ray follows a call. Lambda sets it for each invocation
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html)."""
    trace = os.environ.get("_X_AMZN_TRACE_ID", "")
    return {"X-Amzn-Trace-Id": trace} if trace.isascii() and trace.isprintable() and trace else {}


def _may_work_later(error: CallError) -> bool:
    if isinstance(error, AnsweredError):
        return error.status in _AGAIN or is_throttle(error)
    if isinstance(error, NotTrustedError | NotUnderstoodError):
        return False  # the next attempt would fail alike
    return isinstance(error, NoAnswerError | NotSentError)


def _error(answer: http11.HttpAnswer) -> AnsweredError:
    """Returns the error that AWS's answer names in its JSON or a header."""
    try:
        said = _json(answer)
    except NoAnswerError:
        said = {}
    # SQS gives its older codes as well, and boto uses those.
    older, _, _ = (answer.header(b"x-amzn-query-error") or "").partition(";")
    named = answer.header(b"x-amzn-errortype") or said.get("__type") or said.get("code") or ""
    code = older or str(named).partition(":")[0].rpartition("#")[2] or f"HTTP {answer.status}"
    message = said.get("message") or said.get("Message") or said.get("Reason") or ""
    return AnsweredError(code, str(message), answer.status, said)


def _json(answer: http11.HttpAnswer) -> dict[str, Any]:
    if not answer.body:
        return {}
    with understood():
        found = json.loads(answer.body)
    if not isinstance(found, dict):
        raise NotUnderstoodError("BadAnswer", f"HTTP {answer.status}, and its body is no JSON object")
    return found


def _received(answer: http11.HttpAnswer) -> dict[str, Any]:
    """Returns the JSON of a receive's answer, its base64 decoded. Messages of a large one stay bytes."""
    if len(answer.body) > LARGE_BYTES:
        with understood():
            return {"Messages": messages_in(answer.body)}
    found = _json(answer)
    messages = found.get("Messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and ATTRIBUTES in message:
            with_bytes(message[ATTRIBUTES])
    return found
