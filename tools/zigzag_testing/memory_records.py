"""The records in memory: the `Records` port for tests.

It passes the same contract suite as the adapter on DynamoDB (`tests/contract`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.aws.dynamodb_records import completion_in
from shared.lease import RECORD_SECONDS
from shared.ports.records import GIVEN_UP, Busy, Counted, Done, Owned

TABLE = "zigzag-records"
"""The table that completions name: `zigzag_testing.transactions` knows them by that."""


@dataclass(slots=True)
class Record:
    """The record of a message's starts, or of a run."""

    starts: int = 0
    last: str | None = None
    last_but_one: str | None = None
    excused: int = 0
    allowed: int = 0
    concluded: bool = False
    letter: str = ""
    owner: str | None = None
    until: float = 0.0
    done: bool = False
    unsent: str = ""
    expires: float = 0.0


class MemoryRecords:
    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    async def count(self, key: str, owner: str, now: float) -> Counted:
        record = self._changed(key, now)
        if owner not in (record.last, record.last_but_one):
            record.starts += 1
            record.last_but_one, record.last = record.last, owner
        return Counted(record.starts, record.allowed, record.concluded, record.letter)

    async def excuse(self, key: str, owner: str, now: float, unloaded: bool) -> int:
        record = self._changed(key, now)
        if owner in (record.last, record.last_but_one):
            record.starts -= 1
            record.excused += unloaded
            if record.last == owner:
                record.last = record.last_but_one
            record.last_but_one = None
        return record.excused

    async def allow(self, key: str, attempts: int, now: float) -> None:
        self._changed(key, now).allowed = attempts

    async def conclude(self, key: str, now: float, letter: str = "") -> None:
        record = self._changed(key, now)
        record.concluded, record.letter = not letter, letter

    async def own(self, key: str, owner: str, now: float, until: float) -> Owned | Busy | Done:
        record = self.records.setdefault(key, Record())
        if record.done:
            return Busy(record.until) if record.unsent and record.until >= now else Done(unsent=record.unsent)
        if record.owner is not None and record.until >= now:
            return Owned() if record.owner == owner else Busy(record.until)
        record.owner = owner
        record.until, record.expires = until, now + RECORD_SECONDS
        return Owned()

    async def extend(self, key: str, owner: str, until: float) -> bool:
        record = self._owned(key, owner)
        if record is not None:
            record.until = until
        return record is not None

    async def finish(self, key: str, owner: str, now: float, unsent: str = "") -> bool:
        record = self._owned(key, owner)
        if record is not None:
            record.done, record.expires = True, now + RECORD_SECONDS
            record.unsent = unsent
        return record is not None

    async def sent(self, key: str, now: float) -> None:
        if (record := self.records.get(key)) is not None and record.done:
            record.unsent, record.expires = "", now + RECORD_SECONDS

    async def disown(self, key: str, owner: str, until: float | None = None) -> Done | Busy | None:
        record = self.records.get(key)
        if record is not None and record.done:
            return Done(record.owner == owner, record.unsent)
        if record is not None and record.owner == owner:
            record.owner, record.until = (None, 0.0) if until is None else (GIVEN_UP, until)
        elif record is not None and record.owner not in (None, GIVEN_UP):
            return Busy(record.until)
        return None

    def completion(self, key: str, owner: str, now: float, unsent: str = "") -> dict[str, Any]:
        return {"Update": completion_in(TABLE, key, owner, now, unsent)}

    def _changed(self, key: str, now: float) -> Record:
        record = self.records.setdefault(key, Record())
        record.expires = now + RECORD_SECONDS
        return record

    def _owned(self, key: str, owner: str) -> Record | None:
        record = self.records.get(key)
        return record if record is not None and record.owner == owner else None
