"""The `Objects` port on S3, by boto3: few messages are large, and the lean transport does not know S3."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.identity import Identity, alone
from shared.aws.transport import never
from shared.aws.within import TooSlowError, within
from shared.ports.objects import ObjectGoneError, ObjectsError, ObjectTooLargeError

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 4.0
"""Longest wait for S3's answer, and for each further part of it."""

MAX_READ_SECONDS = 20.0
READ_SHARE = 1 / 3
"""Longest time of a read with its retries, and its share of the time that the invocation has left. Then a
bucket that is silent or slow takes no task's time: each byte may come in time, and the whole never."""

_PART_BYTES = 1 << 18


class S3Objects:
    """A bucket of S3.

    bucket   -- its name.
    identity -- the identity that calls; without one, boto3's default session calls.
    region   -- the bucket's region, if it is not the caller's own.
    client   -- boto3's client, if it exists already.
    ends_at  -- returns when the invocation ends, in epoch seconds. It bounds a read.
    """

    def __init__(
        self,
        bucket: str,
        *,
        identity: Identity | None = None,
        region: str | None = None,
        client: Any = None,
        ends_at: Callable[[], float] = never,
    ) -> None:
        self.bucket = bucket
        self._ends_at = ends_at
        self._until = never()
        self._client = client or _client(identity, region)
        self._client.meta.events.register("before-send.s3", self._refuse_late)

    def put(self, key: str, content: bytes) -> None:
        self._until = never()
        # Encrypted as the bucket says. S3 compares the checksum before it stores anything.
        put = partial(self._client.put_object, Bucket=self.bucket, Key=key, Body=content)
        try:
            put(ContentType="application/json", ChecksumAlgorithm="SHA256")
        except (ClientError, BotoCoreError) as error:
            raise ObjectsError(_code(error)) from error

    def get(self, key: str, max_bytes: int) -> bytes:
        now = time.time()
        seconds = min(MAX_READ_SECONDS, (self._ends_at() - now) * READ_SHARE)
        self._until = now + seconds
        try:
            return within(seconds, partial(self._get, key, max_bytes))
        except TooSlowError:
            raise ObjectsError("TooSlow") from None

    def _get(self, key: str, max_bytes: int) -> bytes:
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            with closing(answer["Body"]) as body:
                size = answer.get("ContentLength")
                if size is None:
                    raise ObjectsError("MissingContentLength")
                if size > max_bytes:
                    raise ObjectTooLargeError(size)
                return self._read(body, size)
        except (ClientError, BotoCoreError) as error:
            if _code(error) == "NoSuchKey":
                raise ObjectGoneError from None
            raise ObjectsError(_code(error)) from None  # its text names the key, which the sender chose

    def _read(self, body: Any, size: int) -> bytes:
        content = bytearray()
        for part in body.iter_chunks(_PART_BYTES):
            content += part
            if time.time() >= self._until:
                raise ObjectsError("TooSlow")
        if len(content) != size:  # boto takes a connection that ends too early for the end, in some cases
            raise ObjectsError("IncompleteRead")
        return bytes(content)

    def _refuse_late(self, **_: Any) -> None:
        """Raises _TooLateError before a try of a read is sent too late."""
        if time.time() >= self._until:
            raise _TooLateError


class _TooLateError(BotoCoreError):
    fmt = "no time was left for it"


def _client(identity: Identity | None, region: str | None) -> Any:
    make: Any = boto3.client if identity is None else partial(identity.client, boto3.Session)
    config = Config(
        retries={"total_max_attempts": 3, "mode": "standard"},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
    )
    try:
        with alone():
            return make("s3", region_name=region, config=config)
    except BotoCoreError as error:
        raise ObjectsError(_code(error)) from error


def _code(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__.lstrip("_")
