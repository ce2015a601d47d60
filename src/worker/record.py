"""What is remembered of a task across its deliveries? How often it started, whose it is, whether it is done.

SQS keeps no such counter: its receive count goes up without a start as well. A first delivery of a
plain task that succeeds needs no record and costs no call; what fails, comes again, or is idempotent
has one.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from shared import log
from shared.lease import SAFETY_SECONDS
from shared.ports import Begun, Busy, Clock, Done, Records, RecordsError

MOST_KEY_BYTES = 1024
"""DynamoDB's limit on a partition key is 2,048
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""


def key_of(task: str, what: str) -> str:
    """The record's key: the task's name and what makes this call of it one; hashed if it is too long."""
    key = f"{task}#{what}"
    encoded = key.encode(errors="backslashreplace")
    if len(encoded) <= MOST_KEY_BYTES:
        return encoded.decode()
    return f"sha256#{hashlib.sha256(encoded).hexdigest()}"


@dataclass(slots=True)
class Record:
    """The record of one delivery's task.

    owner -- names this delivery's worker: an event that Lambda doubled is another one.
    """

    records: Records
    key: str
    owner: str
    clock: Clock
    owned: bool = False
    written: bool = False

    async def begin(self, lease_ends: float) -> Begun | Busy | Done:
        """Counts this start, and takes the ownership for as long as the lease. Raises RecordsError."""
        begun = await self.records.begin(self.key, self.owner, self.clock.now(), _until(lease_ends))
        self.owned = self.written = isinstance(begun, Begun)
        return begun

    async def extend(self, lease_ends: float) -> bool:
        """False if the task is no longer ours. Raises RecordsError."""
        return not self.owned or await self.records.extend(self.key, self.owner, _until(lease_ends))

    async def count(self, otherwise: int) -> int:
        """How many starts there are with this one; `otherwise` if the records can't be reached."""
        self.written = True
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

    async def release(self) -> None:
        """Lets another worker begin."""
        if self.owned:
            self.owned = False
            await self._try_to("release")

    async def forget_if_known(self) -> None:
        """Removes what we have written, so that a redriven dead letter has all its attempts again."""
        if self.written:
            await self._try_to("forget")

    async def _try_to(self, what: str) -> None:
        try:
            if what == "forget":
                await self.records.forget(self.key)
            else:
                await self.records.release(self.key, self.owner)
        except RecordsError as error:  # it ends by itself
            log.write(logging.WARNING, f"the record's {what} failed", reason=error.reason)


def _until(lease_ends: float) -> float:
    """The ownership ends a little before the lease: who receives the message then must find it free."""
    return lease_ends - SAFETY_SECONDS / 2
