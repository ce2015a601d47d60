"""The `Workers` port on Lambda: asynchronous invokes, each sent once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.aws.transport import AnsweredError, NoAnswerError, NotSentError, Transport
from shared.ports.workers import Answer, Reply

_SENT = Answer(Reply.SENT)


class LambdaWorkers:
    """The worker function named `function`, called through `transport`."""

    def __init__(self, transport: Transport, function: str) -> None:
        self._transport = transport
        self._function = function

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        return await asyncio.gather(*(self._invoke(event) for event in events))

    async def _invoke(self, event: bytes) -> Answer:
        try:
            await self._transport.invoke(self._function, event)
        except AnsweredError as error:
            return _meaning(error)
        except NotSentError as error:
            return Answer(Reply.REFUSED, f"nothing was sent: {error}")
        except NoAnswerError as error:
            return Answer(Reply.UNKNOWN, str(error))
        return _SENT


def _meaning(error: AnsweredError) -> Answer:
    """What an error answer means to us, by its HTTP status
    (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""
    if error.status == 413:
        return Answer(Reply.TOO_LARGE, str(error))
    if error.status == 429:
        return Answer(Reply.THROTTLED, str(error))
    if 400 <= error.status < 500:
        return Answer(Reply.REFUSED, str(error))
    return Answer(Reply.UNKNOWN, str(error))
