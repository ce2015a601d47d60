"""The `Workers` port on Lambda: asynchronous invokes, each sent once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)

from shared.aws.clients import Caller, in_place
from shared.ports import Answer, Reply

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_NOTHING_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)
"""Not SSLError: that may also come after the bytes were sent."""


class LambdaWorkers:
    """The worker function named `function`, called through `client` in the way of `call`."""

    def __init__(self, client: LambdaClient, function: str, call: Caller = in_place) -> None:
        self._client = client
        self._function = function
        self._call = call

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        return list(await asyncio.gather(*(self._call(self._invoke, event=event) for event in events)))

    def _invoke(self, event: bytes) -> Answer:
        try:
            answer = self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=event)
            # Unread, the connection is not used again, and every invoke opens a new one.
            answer["Payload"].read()
        except ClientError as error:
            return _meaning(error)
        except _NOTHING_SENT as error:
            return Answer(Reply.REFUSED, f"nothing was sent: {error}")
        except BotoCoreError as error:
            return Answer(Reply.UNKNOWN, f"{type(error).__name__}: {error}")
        return Answer(Reply.SENT)


def _meaning(error: ClientError) -> Answer:
    """What an error answer means to us, by its HTTP status
    (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == 413:
        return Answer(Reply.TOO_LARGE, str(error))
    if status == 429:
        return Answer(Reply.THROTTLED, str(error))
    if 400 <= status < 500:
        return Answer(Reply.REFUSED, str(error))
    return Answer(Reply.UNKNOWN, str(error))
