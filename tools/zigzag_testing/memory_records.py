"""The records of tasks in memory: the `Records` port for tests.

It passes the same contract suite as the adapter on DynamoDB (`tests/contract`).
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.lease import RECORD_SECONDS
from shared.ports.records import Begun, Busy, Done


@dataclass(slots=True)
class Record:
    """What is known of one task."""

    starts: int = 0
    last: str | None = None
    owner: str | None = None
    until: float = 0.0
    done: bool = False
    expires: float = 0.0


class MemoryRecords:
    """Records by their key."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    async def begin(self, key: str, owner: str, now: float, until: float) -> Begun | Busy | Done:
        record = self.records.setdefault(key, Record())
        if record.done:
            return Done()
        if record.owner is not None and record.until >= now:
            return Begun(record.starts) if record.owner == owner else Busy(record.until)
        record.starts += 1
        record.owner = record.last = owner
        record.until, record.expires = until, now + RECORD_SECONDS
        return Begun(record.starts)

    async def extend(self, key: str, owner: str, until: float) -> bool:
        record = self._owned(key, owner)
        if record is not None:
            record.until = until
        return record is not None

    async def finish(self, key: str, owner: str, now: float) -> bool:
        record = self._owned(key, owner)
        if record is not None:
            record.done, record.expires = True, now + RECORD_SECONDS
        return record is not None

    async def disown(self, key: str, owner: str) -> None:
        record = self._owned(key, owner)
        if record is not None:
            record.owner = None

    async def count(self, key: str, owner: str, now: float) -> int:
        record = self.records.setdefault(key, Record())
        if record.last != owner:
            record.starts += 1
            record.last, record.expires = owner, now + RECORD_SECONDS
        return record.starts

    async def forget(self, key: str, owner: str) -> None:
        record = self.records.get(key)
        if record is not None and not record.done and record.owner in (None, owner):
            record.starts, record.last, record.owner = 0, None, None

    def _owned(self, key: str, owner: str) -> Record | None:
        record = self.records.get(key)
        return record if record is not None and record.owner == owner else None
