"""Puts the body of a message that does not fit a dispatch into the stack's bucket, and sends its pointer."""

from __future__ import annotations

import functools
import hashlib
import os
from uuid import uuid4

from shared.aws.identity import Identity
from shared.ports.objects import Objects, ObjectsError
from shared.ports.queue import Outgoing
from shared.queues import is_fifo
from zigzag.errors import STORE_IT, PayloadTooLargeError, SendError
from zigzag.extra.pointers import MAX_WORKER_MB, most_bytes, size_attribute, written
from zigzag.outbox import bucket_standing_in, standing_in

KEY_PREFIX = "payloads/"
"""The rest of a key is random, so that nobody can guess it."""

VARIABLE = "ZIGZAG_LARGE_BUCKET"


def bucket_for(identity: Identity | None, region: str | None) -> Objects | None:
    """Returns the bucket for the bodies of large messages, or None if there is none.

    identity -- the identity that calls; None is the process's own.
    region   -- the region of the queue, and so of the bucket.

    Raises SendError if it can't be called.
    """
    if standing_in(None) is not None:
        return bucket_standing_in()
    name = (os.environ if identity is None else identity.variables).get(VARIABLE)
    if not name:
        return None
    try:
        return _s3(name, identity, region, os.getpid())
    except ObjectsError as error:
        raise SendError(f"the bucket can't be called, and nothing was sent: {error.code}") from error


def offloaded(task: str, message: Outgoing, queue_url: str, bucket: Objects | None, why: str) -> Outgoing:
    """Puts the message's body into the bucket, and returns the message with a pointer in its place.

    why -- why the message can't be sent as it is, for the error.

    Raises PayloadTooLargeError without a bucket, or if no worker could read the object; SendError if S3 does
    not take it.
    """
    content, most = message.body.encode(), most_bytes(MAX_WORKER_MB)
    if bucket is None:
        raise PayloadTooLargeError(
            f"{why}: deploy with LargePayloads=true and set {VARIABLE} to the output LargeBucketName, or "
            f"{STORE_IT}"
        )
    if len(content) > most:
        raise PayloadTooLargeError(
            f"the message for {task} has {len(content):,} bytes, and no worker reads more than {most:,}: "
            f"{STORE_IT}"
        )
    key = KEY_PREFIX + str(uuid4())
    try:
        bucket.put(key, content)
    except ObjectsError as error:
        raise SendError(
            f"the bucket did not take the payload for {task}, and nothing was sent: {error.code}"
        ) from error
    deduplication_id = message.deduplication_id
    if deduplication_id is None and is_fifo(queue_url):  # SQS would compare the pointers, which always differ
        deduplication_id = hashlib.sha256(content).hexdigest()
    return message._replace(
        body=written(bucket.bucket, key),
        attributes={**message.attributes, **size_attribute(len(content))},
        deduplication_id=deduplication_id,
    )


@functools.cache
def _s3(name: str, identity: Identity | None, region: str | None, process: int) -> Objects:
    """Returns the bucket. A forked child makes its own client: its parent's has connections of its own."""
    from shared.aws.s3_objects import S3Objects

    return S3Objects(name, identity=identity, region=region)
