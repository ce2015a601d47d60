"""The bodies that point to an object in S3, in the form of the SQS extended client, of Java and of Python.

    ["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "…", "s3Key": "…"}]

The attribute `ExtendedPayloadSize` has the object's bytes
(https://github.com/awslabs/amazon-sqs-java-extended-client-lib). The form of older clients is read as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from zigzag.body import BadMessageError

CLASS = "software.amazon.payloadoffloading.PayloadS3Pointer"
SIZE = "ExtendedPayloadSize"
_CLASSES = (CLASS, "com.amazon.sqs.javamessaging.MessageS3Pointer")
_SIZES = (SIZE, "SQSLargePayloadSize")

MAX_KEY_BYTES = 1024
"""S3's limit (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html)."""

MAX_WORKER_MB = 10_240
"""Lambda's most memory (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""

_WORKERS_OWN_MB = 112
"""Memory of a worker with boto3, its client of S3, and pydantic, before it reads anything."""

_MEMORY_FACTOR = 32
"""Most memory that a body takes while it is read, as a multiple of its bytes: one of short numbers, with an
emoji that makes each character take four bytes, for a model with `list[int]`."""

_MAX_DIGITS = 20

_MB = 1 << 20


class Pointer(NamedTuple):
    """The object that a body points to. `size` is the object's bytes, if the message says it."""

    bucket: str
    key: str
    size: int | None


def most_bytes(memory_mb: int) -> int:
    """Returns how large an object may be for a worker of so much memory."""
    return max(0, memory_mb - _WORKERS_OWN_MB) * _MB // _MEMORY_FACTOR


def written(bucket: str, key: str) -> str:
    """Returns the body that points to an object."""
    return json.dumps([CLASS, {"s3BucketName": bucket, "s3Key": key}])


def size_attribute(size: int) -> dict[str, dict[str, str]]:
    """Returns the attribute of a message whose body points to an object of so many bytes."""
    return {SIZE: {"DataType": "Number", "StringValue": str(size)}}


def is_pointer(body: str) -> bool:
    """Returns whether a body is a pointer, perhaps a broken one."""
    return re.match(rf'\s*+\[\s*+"({"|".join(map(re.escape, _CLASSES))})"', body) is not None


def pointer_or_none(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> Pointer | None:
    """Returns what a body points to; None for a body that is no pointer, or a broken one."""
    try:
        return pointer_of(body, attributes)
    except BadMessageError:
        return None


def pointer_of(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> Pointer | None:
    """Returns what a body points to, or None if it is no pointer. Raises BadMessageError for a broken one."""
    if not is_pointer(body):
        return None
    try:
        (_, told) = json.loads(body)
        bucket, key = told["s3BucketName"], told["s3Key"]
        if not isinstance(bucket, str) or not 0 < len(key.encode()) <= MAX_KEY_BYTES:
            raise ValueError
        if {".", ".."} & set(key.split("/")):  # on its way to S3, it might become another path
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadMessageError(
            "the body is no pointer that can be read: it needs the names of a bucket and a key"
        ) from None
    size = next((str(attributes[name].get("StringValue")) for name in _SIZES if name in attributes), "")
    return Pointer(bucket, key, int(size) if size.isdecimal() and len(size) < _MAX_DIGITS else None)
