"""What is remembered of a task across its deliveries? How often it started, whose it is, whether it is done.

SQS keeps no such counter: its receive count goes up without a start as well. A first delivery of a
plain task that succeeds needs no record and costs no call; what fails, comes again, or is idempotent
has one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable

from shared import log
from shared.lease import SAFETY_SECONDS
from shared.ports.clock import Clock
from shared.ports.records import Begun, Busy, Done, Records, RecordsError

MAX_KEY_BYTES = 1024
"""DynamoDB's limit on a partition key is 2,048
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""


def key_of(task: str, what: str) -> str:
    """The record's key: the task's name and what makes this call of it one; hashed if it is too long."""
    key = f"{task}#{what}"
    encoded = key.encode(errors="backslashreplace")
    if len(encoded) <= MAX_KEY_BYTES:
        return encoded.decode()
    return f"sha256#{hashlib.sha256(encoded).hexdigest()}"


class Record:
    """The record of one delivery's task.

    owner            -- names this delivery's worker: an event that Lambda doubled is another one.
    outlives_message -- whether another message, or this one redriven, may have the same record.
    """

    def __init__(
        self, records: Records, key: str, owner: str, clock: Clock, *, outlives_message: bool = False
    ) -> None:
        self.records = records
        self.key = key
        self.owner = owner
        self.clock = clock
        self.outlives_message = outlives_message
        self.owned = False

    async def begin(self, lease_ends: float) -> Begun | Busy | Done:
        """Counts this start, and takes the ownership for as long as the lease. Raises RecordsError."""
        begun = await self.records.begin(self.key, self.owner, self.clock.now(), _until(lease_ends))
        self.owned = isinstance(begun, Begun)
        return begun

    async def extend(self, lease_ends: float) -> bool:
        """False if the task is no longer ours. Raises RecordsError."""
        return not self.owned or await self.records.extend(self.key, self.owner, _until(lease_ends))

    async def count(self, otherwise: int) -> int:
        """How many starts there are with this one; `otherwise` if the records can't be reached."""
        try:
            return await self.records.count(self.key, self.owner, self.clock.now())
        except RecordsError as error:
            log.write(logging.WARNING, "SQS's receive count decides", reason=error.reason)
            return otherwise

    async def finish(self) -> None:
        """Records that the task is done."""
        if not self.owned:
            return
        try:
            ours = await self.records.finish(self.key, self.owner, self.clock.now())
        except RecordsError as error:
            log.write(logging.ERROR, "done, but not recorded: possible duplicate", reason=error.reason)
        else:
            if not ours:
                log.write(logging.WARNING, "done, but no longer ours: possible duplicate")

    async def disown(self) -> None:
        """Lets another worker begin."""
        if self.owned:
            self.owned = False
            await self._tried(self.records.disown(self.key, self.owner))  # it ends by itself as well

    async def forget(self) -> bool:
        """Lets what comes under this key begin anew: a redriven dead letter, or another message.

        Until then the task is owned, so that nobody else's start is forgotten. False if it failed.
        """
        if not self.outlives_message:
            return True
        forgotten = await self._tried(self.records.forget(self.key, self.owner))
        self.owned = self.owned and not forgotten
        return forgotten

    async def _tried(self, call: Awaitable[None]) -> bool:
        try:
            await call
        except RecordsError as error:
            log.write(logging.WARNING, "a record was not changed", reason=error.reason)
            return False
        return True


def _until(lease_ends: float) -> float:
    """The ownership ends a little before the lease: who receives the message then must find it free."""
    return lease_ends - SAFETY_SECONDS / 2
