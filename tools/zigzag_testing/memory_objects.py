"""A bucket in memory: the `Objects` port for tests.

It passes the same contract suite as the adapter on S3 (`tests/contract`).
"""

from __future__ import annotations

from collections.abc import Callable

from shared.ports.objects import ObjectGoneError, ObjectsError, ObjectTooLargeError
from worker.large import Reader

WORKER_MB = 256


class MemoryObjects:
    """A bucket.

    contents -- the objects, by their keys.
    away     -- the code of the error that each call gets now; None for none.
    """

    def __init__(self, bucket: str = "sandbox-large-payloads") -> None:
        self.bucket = bucket
        self.contents: dict[str, bytes] = {}
        self.away: str | None = None

    def put(self, key: str, content: bytes) -> None:
        self._reach()
        self.contents[key] = content

    def get(self, key: str, max_bytes: int) -> bytes:
        self._reach()
        if key not in self.contents:
            raise ObjectGoneError
        content = self.contents[key]
        if len(content) > max_bytes:
            raise ObjectTooLargeError(len(content))
        return content

    def _reach(self) -> None:
        if self.away is not None:
            raise ObjectsError(self.away)


def reader_of(objects: MemoryObjects | None) -> Callable[[], Reader] | None:
    """Returns what makes the reader of a worker with the template's memory."""
    return None if objects is None else lambda: Reader(objects.bucket, lambda: objects, WORKER_MB)
