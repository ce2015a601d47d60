"""The `Workers` port on Lambda: asynchronous invokes, each sent once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.aws.transport import AnsweredError, CallError, NotSentError, Transport, meaning
from shared.ports.workers import Answer, Meaning

_SENT = Answer(Meaning.SENT)


class LambdaWorkers:
    """The worker function named `function`, called through `transport`."""

    def __init__(self, transport: Transport, function: str) -> None:
        self._transport = transport
        self._function = function

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        return await asyncio.gather(*[self._invoke(event) for event in events])

    async def _invoke(self, event: bytes) -> Answer:
        try:
            await self._transport.invoke(self._function, event)
        except CallError as error:
            return _answer(error)
        return _SENT


def _answer(error: CallError) -> Answer:
    """Returns the answer that the error means
    (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""
    if isinstance(error, NotSentError):
        return Answer(Meaning.TRANSIENT, f"nothing was sent: {error}")
    if isinstance(error, AnsweredError) and error.status == 413:
        return Answer(Meaning.TOO_LARGE, str(error))
    return Answer(meaning(error, broken=Meaning.AMBIGUOUS), str(error))
