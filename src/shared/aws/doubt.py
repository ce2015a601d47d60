"""Decides when a process no longer trusts its lean transport: when an answer shows that the lean client may
be wrong.

| answer | is it a doubt? | what happens to the call |
|---|---|---|
| a refusal of the signature, or of the request's form | yes | nothing was done: boto makes it |
| a certificate that it does not accept | yes | nothing was sent: boto makes it |
| an answer that it does not understand | yes | boto makes it, if it may be sent twice; never an invoke |
| anything else | no | it fails as usual |

After a doubt, boto makes all calls of the process; a new process begins with the lean transport again. An
unknown key, an expired token and a missing permission are no doubt: boto would have the same.

In a worker, a task may have broken a part of the standard library that both transports use. boto fails as
well then, the message is not settled, and the process ends as after any failed call (`worker.settle`). If
boto works, the process goes on: no task is to blame.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from shared import log
from shared.aws.transport import (
    Answered,
    AnsweredError,
    CallError,
    NotTrustedError,
    NotUnderstoodError,
    Service,
    Transport,
)

_SIGNED_WRONGLY = (
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "IncompleteSignature",
    "MissingAuthenticationToken",
)
_WRITTEN_WRONGLY = (
    "SerializationException",
    "UnknownOperation",
    "UnsupportedMediaType",
    "MalformedHttpRequest",
)
"""Beginnings of AWS's error codes for such requests; some services add "Exception"
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html)."""


class Doubt:
    """The doubt about the lean client of a process. All transports of the process may share it."""

    def __init__(self) -> None:
        self.there = False

    def cast(self, why: str) -> None:
        """Puts the lean client in doubt from now on. The log says so once."""
        if not self.there:
            self.there = True
            log.write(logging.WARNING, "boto is used", reason=why)


class LeanFirst:
    """Calls through `lean` and, once that is in doubt, through the transport that `boto` makes.

    calls_again -- whether a call that is no invoke may be sent again even if it may have been done.
    doubt       -- the doubt of the process.
    """

    def __init__(
        self, lean: Transport, boto: Callable[[], Transport], doubt: Doubt, *, calls_again: bool
    ) -> None:
        self._lean = lean
        self._make_boto = boto
        self._boto: Transport | None = None
        self._doubt = doubt
        self._calls_again = calls_again

    def prepare(self, *services: Service) -> None:
        self._lean.prepare(*services)

    def call(
        self, service: Service, operation: str, parameters: Mapping[str, Any], until: float = math.inf
    ) -> Coroutine[Any, Any, Answered]:
        return self._made(
            service, lambda by: by.call(service, operation, parameters, until), again=self._calls_again
        )

    def invoke(self, function: str, event: bytes) -> Coroutine[Any, Any, None]:
        return self._made("lambda", lambda by: by.invoke(function, event), again=False)

    def close(self) -> None:
        self._lean.close()
        if self._boto is not None:
            self._boto.close()

    async def _made[R](
        self, service: Service, call: Callable[[Transport], Awaitable[R]], *, again: bool
    ) -> R:
        """Makes the call and returns its result. `again`: boto may repeat a call that may have been done."""
        if not self._doubt.there:
            try:
                return await call(self._lean)
            except CallError as error:
                why = _doubtful(error)
                if why is None:
                    raise
                self._doubt.cast(f"{service} {why}")
                if isinstance(error, NotUnderstoodError) and not again:
                    raise
        if self._boto is None:
            self._boto = self._make_boto()
        return await call(self._boto)


def _doubtful(error: CallError) -> str | None:
    """Returns why the lean client may be wrong, in our own words, or None if it can't be."""
    if isinstance(error, NotTrustedError):
        return "has a certificate that the lean client does not accept"
    if isinstance(error, NotUnderstoodError):
        return "gave an answer that the lean client does not understand"
    if isinstance(error, AnsweredError) and error.code.startswith((*_SIGNED_WRONGLY, *_WRITTEN_WRONGLY)):
        return f"answered the lean client: {error.code}"
    return None
