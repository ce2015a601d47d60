"""What do the adapters on AWS need of a transport? One call, its answer, or what is known of its failure.

Two transports give it: boto's, which is the reference, and a lean one (`docs/adr/0009`). What an
answer means is said by the adapters, once for both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, Protocol

from shared.ports.workers import Reply

Service = Literal["sqs", "lambda", "dynamodb"]

ANSWER_SECONDS: Mapping[Service, float] = {"sqs": 5, "lambda": 5, "dynamodb": 5}
"""How long an answer may be awaited; that of a receive as much longer as it is to wait."""


def never() -> float:
    """An end that never comes."""
    return math.inf


class Answered(NamedTuple):
    """An answer that is no error: its JSON, and its Date header."""

    body: dict[str, Any]
    date: str | None = None


class CallError(Exception):
    """A call failed. `code` is AWS's error code, or the name of the network's error."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class AnsweredError(CallError):
    """AWS answered that it did not do it: `status` is HTTP's, `body` the answer's JSON."""

    def __init__(self, code: str, reason: str, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(code, reason)
        self.status = status
        self.body = body


class NotSentError(CallError):
    """Nothing was sent, so nothing was done."""


class NotTrustedError(NotSentError):
    """Nothing was sent: who was met there has a certificate that is not accepted."""


class NoAnswerError(CallError):
    """The call was sent, or a part of it, and no answer came: it may have been done."""


class NotUnderstoodError(NoAnswerError):
    """Something came in place of an answer, and no end of the connection cut it short."""


class TooLateError(NotSentError):
    """There was no time left to send it."""

    def __init__(self) -> None:
        super().__init__("TooLate", "no time was left for it")


_THROTTLED = (
    "Throttl",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceeded",
    "TooManyRequests",
    "SlowDown",
)
"""Parts of the error codes by which AWS says so
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html)."""


def is_throttle(error: AnsweredError) -> bool:
    """Whether calls came too fast."""
    return error.status == 429 or any(part in error.code for part in _THROTTLED)


def meaning(error: CallError, broken: Reply) -> Reply:
    """What a failed call means: DEFINITE, TRANSIENT or AMBIGUOUS.

    broken -- what a server's error (5xx) means: it may have come after the server did what it was asked for.
    """
    if isinstance(error, NotSentError):
        return Reply.TRANSIENT
    if not isinstance(error, AnsweredError):
        return Reply.AMBIGUOUS
    if is_throttle(error):
        return Reply.TRANSIENT
    return Reply.DEFINITE if 400 <= error.status < 500 else broken


@contextmanager
def understood() -> Iterator[None]:
    """Surrounds the reading of an answer: one of another shape than was asked for is no answer.

    Raises NotUnderstoodError, without the answer's words, which may be a message's.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        why = f"it is not what was asked for ({type(error).__name__})"
        raise NotUnderstoodError("BadAnswer", why) from error


class Transport(Protocol):
    """How calls reach AWS. Its methods raise CallError, in one of its three kinds."""

    def prepare(self, *services: Service) -> None:
        """Makes now what the first calls would else have to make: Lambda's init phase has the full CPU."""

    async def call(
        self,
        service: Service,
        operation: str,
        parameters: Mapping[str, Any],
        until: float = math.inf,
    ) -> Answered:
        """One operation of SQS or DynamoDB, by its name and its parameters' names in AWS's API reference.

        Bytes among the parameters and in the answer are bytes, as in boto3. What may have been mended by now
        (no connection, no answer, a throttle, a server's error) is sent again, as often as the transport was
        told to. After half an answer only the lean one does. Nothing is sent later than `until`, in epoch
        seconds, nor when the invocation is over. A receive may ask for fewer messages than it was told to.
        """

    async def invoke(self, function: str, event: bytes) -> None:
        """An asynchronous invoke of a Lambda function; sent once, whatever happens."""

    def close(self) -> None:
        """Closes its connections."""
