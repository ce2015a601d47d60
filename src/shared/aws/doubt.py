"""When does a process no longer trust its lean transport? When an answer says that the fault may be its own.

| what came | is it a doubt? | what becomes of the call |
|---|---|---|
| a refusal of its signature, or of what it is written like | yes | nothing was done: boto makes it |
| a certificate that it does not accept | yes | nothing was sent: boto makes it |
| an answer that it does not understand | yes | boto makes it, if it may be sent twice; never an invoke |
| anything else | no | as ever |

From then on all calls of the process are boto's; a new process begins with the lean one again. A key that AWS
does not know, a token that is too old and a permission that is missing are no doubt: boto has the same ones.

In a worker, a task may have broken what both sign with, and wait with. Then boto fails as well, the message
is not settled, and the process ends as after any call that failed (`worker.settle`). Where boto serves, the
process goes on: the fault is none of its tasks'.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
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
"""How error codes begin by which AWS says so; some services have "Exception" behind them
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html)."""


class Doubt:
    """Whether the lean client of a process is in doubt. All transports of the process may share one."""

    def __init__(self) -> None:
        self.there = False

    def cast(self, why: str) -> None:
        """From now on it is. The log says so once."""
        if not self.there:
            self.there = True
            log.write(logging.WARNING, "boto is used", reason=why)


class LeanFirst:
    """Calls through `lean`, and once that is in doubt, through the one that `boto` makes.

    calls_again -- whether a call but an invoke may be sent again, whatever became of it.
    doubt       -- of the process.
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

    async def call(
        self, service: Service, operation: str, parameters: Mapping[str, Any], until: float = math.inf
    ) -> Answered:
        return await self._made(
            service, lambda by: by.call(service, operation, parameters, until), again=self._calls_again
        )

    async def invoke(self, function: str, event: bytes) -> None:
        await self._made("lambda", lambda by: by.invoke(function, event), again=False)

    def close(self) -> None:
        self._lean.close()
        if self._boto is not None:
            self._boto.close()

    async def _made[R](
        self, service: Service, call: Callable[[Transport], Awaitable[R]], *, again: bool
    ) -> R:
        """What the call gives. Whether it may be sent `again` matters where it may have been done."""
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
    """Why the fault may be the lean client's, in words of our own; None if it can't be."""
    if isinstance(error, NotTrustedError):
        return "has a certificate that the lean client does not accept"
    if isinstance(error, NotUnderstoodError):
        return "gave an answer that the lean client does not understand"
    if isinstance(error, AnsweredError) and error.code.startswith((*_SIGNED_WRONGLY, *_WRITTEN_WRONGLY)):
        return f"answered the lean client: {error.code}"
    return None
