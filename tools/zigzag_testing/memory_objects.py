"""A bucket in memory: the `Objects` port for tests.

It passes the same contract suite as the adapter on S3 (`tests/contract`).
"""

from __future__ import annotations

from collections.abc import Callable

from shared.ports.clock import Clock
from shared.ports.objects import ObjectGoneError, ObjectsError, ObjectTooLargeError
from worker.large import Reader
from zigzag_testing.faults import Faults
from zigzag_testing.outages import DENIED, UNREACHED

WORKER_MB = 256


class MemoryObjects:
    """A bucket.

    contents -- the objects, by their keys.
    away     -- the code of the error that each call gets now; None for none.
    faults   -- they strike its calls, and its outages fail them at once, by `clock`.
    """

    def __init__(
        self, bucket: str = "sandbox-large-payloads", faults: Faults | None = None, clock: Clock | None = None
    ) -> None:
        self.bucket = bucket
        self._faults = faults or Faults.none()
        self._clock = clock
        self.contents: dict[str, bytes] = {}
        self.away: str | None = None

    def put(self, key: str, content: bytes) -> None:
        self._reach("put refused")
        self.contents[key] = content

    def get(self, key: str, max_bytes: int) -> bytes:
        self._reach("get throttled")
        if key not in self.contents:
            raise ObjectGoneError
        content = self.contents[key]
        if len(content) > max_bytes:
            raise ObjectTooLargeError(len(content))
        if self._faults.strike("object gone"):
            del self.contents[key]
        elif self._faults.strike("object replaced"):
            self.contents[key] = content + b" "
        return content

    def _reach(self, fault: str) -> None:
        outage = None if self._clock is None else self._faults.outage("bucket", self._clock.now())
        if outage is not None:
            raise ObjectsError((DENIED if outage.how == "refusing" else UNREACHED)[0])
        if self._faults.strike(fault):
            raise ObjectsError("SlowDown")
        if self.away is not None:
            raise ObjectsError(self.away)


def reader_of(objects: MemoryObjects | None) -> Callable[[], Reader] | None:
    """Returns what makes the reader of a worker with the template's memory."""
    return None if objects is None else lambda: Reader(objects.bucket, lambda: objects, WORKER_MB)
