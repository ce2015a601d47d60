"""Reads the body of a large message, which is an object in the stack's bucket.

The object is never deleted here: a dead letter, a message that comes twice, and other subscribers need it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from shared.dead_letter import original_attributes
from shared.delivery import Delivery
from shared.ports.objects import ObjectGoneError, Objects, ObjectsError, ObjectTooLargeError
from worker.lookup import BrokenTaskError
from zigzag.body import BadMessageError
from zigzag.extra.pointers import MAX_WORKER_MB, Pointer, most_bytes, pointer_of


class AwayError(BrokenTaskError):
    """The bucket can't be read now. It is no fault of the message, which is tried again like one whose task
    a deployment has yet to bring: no attempt is used up."""


class Reader:
    """Reads the objects that bodies point to.

    bucket    -- the name of the only bucket that is read.
    objects   -- returns it. Only the attempt that needs it calls this: it loads boto3.
    memory_mb -- the worker's memory, which bounds their size.
    """

    def __init__(self, bucket: str, objects: Callable[[], Objects], memory_mb: int) -> None:
        self._bucket = bucket
        self._objects = objects
        self._memory_mb = memory_mb

    def text(self, pointer: Pointer) -> str:
        """Returns the object's text. Raises BadMessageError, or AwayError."""
        if pointer.bucket != self._bucket:
            raise BadMessageError(
                "the body points to another bucket, which is not read: put the object into this stack's, "
                "which the output LargeBucketName names"
            )
        gc.collect()  # an error of an earlier task may still hold its payload, in a cycle
        content = self._content(pointer.key)
        if pointer.size is not None and pointer.size != len(content):
            raise BadMessageError(
                f"the object that the body points to has {len(content):,} bytes, and the message says "
                f"{pointer.size:,}: it was replaced, or is another one"
            )
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise BadMessageError(
                "the object that the body points to is no text in UTF-8; it must be JSON, not compressed"
            ) from None

    def _content(self, key: str) -> bytes:
        most = most_bytes(self._memory_mb)
        try:
            return self._objects().get(key, most)
        except ObjectGoneError:
            raise BadMessageError("the object that the body points to is gone from the bucket") from None
        except ObjectTooLargeError as error:
            reads = f"a worker of {self._memory_mb:,} MB reads at most {most:,}"
            said = f"{reads}: redrive it once WorkerMemory is larger"
            if error.size > (at_all := most_bytes(MAX_WORKER_MB)):
                said = f"no worker reads more than {at_all:,}: send its key in a payload"
            raise BadMessageError(
                f"the object that the body points to has {error.size:,} bytes, and {said}"
            ) from None
        except ObjectsError as error:
            raise AwayError(f"the object that the body points to can't be read now: {error.code}") from None


def text_of(delivery: Delivery, reader: Callable[[], Reader] | None) -> str:
    """Returns the delivery's body, or the text of the object that it points to. Raises as `Reader.text`."""
    pointer = pointer_of(delivery.body, original_attributes(delivery))
    if pointer is None:
        return delivery.body
    if reader is None:
        raise BadMessageError(
            "the body points to an object in S3, and this stack reads none: deploy it with LargePayloads=true"
        )
    return reader().text(pointer)
