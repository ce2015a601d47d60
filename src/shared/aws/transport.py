"""The interface of a transport, for the adapters on AWS: a call gives an answer, or one of three kinds of
failure.

Two transports implement it: boto's, which is the reference, and a lean one (`docs/adr/0009`). The adapters
interpret the answers, once for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

from shared.ports.workers import Meaning, TracedEvent

Service = Literal["sqs", "lambda", "dynamodb", "sns", "scheduler"]
"""SNS and EventBridge Scheduler are called through boto's transport only."""

ANSWER_SECONDS: Mapping[Service, float] = {"sqs": 5, "lambda": 5, "dynamodb": 5, "sns": 5, "scheduler": 5}
"""Time that a call waits for its answer. A receive waits longer by its own wait time."""


def never() -> float:
    return math.inf


class Answered(NamedTuple):
    """A good answer: its JSON and its Date header."""

    body: dict[str, Any]
    date: str | None = None


class CallError(Exception):
    """A call failed. `code` is AWS's error code, or the name of the network's error."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class AnsweredError(CallError):
    """AWS answered that it did not do the call. `status` is HTTP's, `body` the answer's JSON."""

    def __init__(self, code: str, reason: str, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(code, reason)
        self.status = status
        self.body = body


class NotSentError(CallError):
    """Nothing was sent, so nothing was done."""


class NotTrustedError(NotSentError):
    """Nothing was sent: the server's certificate is not accepted."""


class NoAnswerError(CallError):
    """All or part of the call was sent, and no answer came: it may have been done."""


class NotUnderstoodError(NoAnswerError):
    """Something came that is not an answer, and not because the connection ended too early."""


class TooLateError(NotSentError):
    """No time was left to send the call."""

    def __init__(self) -> None:
        super().__init__("TooLate", "no time was left for it")


_THROTTLED = (
    "Throttl",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceeded",
    "TooManyRequests",
    "SlowDown",
)
"""Parts of AWS's error codes for calls that came too fast
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html)."""


def is_throttle(error: AnsweredError) -> bool:
    """Returns whether AWS refused the call because calls came too fast."""
    return error.status == 429 or any(part in error.code for part in _THROTTLED)


def meaning(error: CallError, broken: Meaning) -> Meaning:
    """Returns the meaning of a failed call: DEFINITE, TRANSIENT or AMBIGUOUS.

    broken -- the meaning of a server's error (5xx), which may come after the server did the call.
    """
    if isinstance(error, NotSentError):
        return Meaning.TRANSIENT
    if not isinstance(error, AnsweredError):
        return Meaning.AMBIGUOUS
    if is_throttle(error):
        return Meaning.TRANSIENT
    return Meaning.DEFINITE if 400 <= error.status < 500 else broken


UNEXPECTED = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""Errors of code that reads an answer of an unexpected shape."""


def not_understood(error: BaseException) -> NotUnderstoodError:
    """Returns the error to raise for one of `UNEXPECTED`. It has none of the answer's text, which may be a
    message's."""
    return NotUnderstoodError("BadAnswer", f"it is not what was asked for ({type(error).__name__})")


def headers_of(event: bytes) -> dict[str, str]:
    """Returns the headers that the invoke of an event has for its own sake."""
    return {"X-Amzn-Trace-Id": event.trace} if isinstance(event, TracedEvent) else {}


class _Understood(AbstractContextManager[None]):
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, UNEXPECTED):
            raise not_understood(error) from error


_understood = _Understood()


def understood() -> AbstractContextManager[None]:
    """Surrounds the reading of an answer. An answer of an unexpected shape counts as none.

    Raises NotUnderstoodError.
    """
    return _understood


class Transport(Protocol):
    """Makes calls to AWS. Its methods raise CallError, in one of its three kinds."""

    def prepare(self, *services: Service) -> None:
        """Makes the clients now, before the first calls: Lambda's init phase has the full CPU."""

    async def call(
        self,
        service: Service,
        operation: str,
        parameters: Mapping[str, Any],
        until: float = math.inf,
    ) -> Answered:
        """Calls an operation of SQS or DynamoDB. The names are those of AWS's API reference.

        Bytes among the parameters and in the answer are bytes, as in boto3. After a failure that may be over
        by then (no connection, no answer, a throttle, a server's error) the call is sent again, up to the
        transport's number of attempts. After half an answer only the lean transport sends it again. Nothing
        is sent later than `until`, in epoch seconds, nor after the end of the invocation. A receive may ask
        for fewer messages than its parameters say.
        """

    async def invoke(self, function: str, event: bytes) -> None:
        """Invokes a Lambda function asynchronously. The invoke is sent once, even if it fails."""

    def close(self) -> None:
        """Closes the transport's connections."""
