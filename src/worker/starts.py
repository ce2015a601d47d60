"""The record of a task across its deliveries: how often it started, whose it is, whether it is done.

SQS keeps no such counter: its receive count goes up without a start as well. A first delivery of a
plain task that succeeds needs no record and costs no call; one that fails, comes again, or is idempotent
has one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable
from random import Random
from typing import Any

from shared import log
from shared.delivery import Delivery
from shared.lease import SAFETY_SECONDS
from shared.ports.clock import Clock
from shared.ports.records import Begun, Busy, Done, Records, RecordsError
from worker.outcome import AlreadyDone, Attempt, Outcome, RetryLater, used_up

NO_RECORDS_SECONDS = (15, 60)
BUSY_MORE_SECONDS = (1, 5)

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


class Starts:
    """The record of one delivery's task.

    key              -- the task's name and what makes a call of it one.
    owner            -- names this delivery's worker: an event that Lambda doubled is another one.
    outlives_message -- whether another message, or this one redriven, may have the same record.
    owned            -- whether the task is this delivery's now.
    """

    def __init__(
        self,
        records: Records,
        key: str,
        owner: str,
        clock: Clock,
        *,
        receives: int = 1,
        outlives_message: bool = False,
    ) -> None:
        self.key = key
        self.owned = False
        self._records = records
        self._owner = owner
        self._clock = clock
        self._receives = receives
        self._outlives_message = outlives_message
        self._counted = False

    async def own(self, attempt: Attempt, lease_ends: float, random: Random) -> Outcome | None:
        """Counts this start, and takes the ownership for as long as the lease.

        The outcome if the task must not run now, or None.
        """
        try:
            begun = await self._records.begin(self.key, self._owner, self._clock.now(), _until(lease_ends))
        except RecordsError as error:
            if attempt.policy.idempotent:
                seconds = random.randint(*NO_RECORDS_SECONDS)
                return RetryLater(seconds, f"whether it is done can't be known: {error.reason}")
            attempt.number = self._receives
            return None
        match begun:
            case Done():
                return AlreadyDone()
            case Busy(until):
                wait = max(0.0, until + SAFETY_SECONDS / 2 - self._clock.now())
                return RetryLater(int(wait) + random.randint(*BUSY_MORE_SECONDS), "another worker runs it")
            case Begun(starts):
                attempt.number, self._counted, self.owned = starts, True, True
        return used_up(attempt)

    async def extend(self, lease_ends: float) -> bool:
        """False if the task is no longer ours. Raises RecordsError."""
        return not self.owned or await self._records.extend(self.key, self._owner, _until(lease_ends))

    async def count(self, attempt: Attempt) -> None:
        """Counts this start, if it is not counted yet, and numbers the attempt by it.

        By SQS's receives if the records can't be reached.
        """
        if self._counted:
            return
        self._counted = True
        try:
            attempt.number = await self._records.count(self.key, self._owner, self._clock.now())
        except RecordsError as error:
            log.write(logging.WARNING, "SQS's receive count decides", reason=error.reason)
            attempt.number = self._receives

    async def finish(self) -> None:
        """Records that the task is done."""
        if not self.owned:
            return
        try:
            ours = await self._records.finish(self.key, self._owner, self._clock.now())
        except RecordsError as error:
            log.write(logging.ERROR, "done, but not recorded: possible duplicate", reason=error.reason)
        else:
            if not ours:
                log.write(logging.WARNING, "done, but no longer ours: possible duplicate")

    async def disown(self) -> None:
        """Lets another worker begin."""
        if self.owned:
            self.owned = False
            await self._tried(self._records.disown(self.key, self._owner))  # it ends by itself as well

    async def forget(self) -> bool:
        """Lets what comes under this key begin anew: a redriven dead letter, or another message.

        Until then the task is owned, so that nobody else's start is forgotten. False if it failed.
        """
        known = self._counted or self._receives > 1  # else no start of it is recorded
        if not self._outlives_message or not known:
            return True
        forgotten = await self._tried(self._records.forget(self.key, self._owner))
        self.owned = self.owned and not forgotten
        return forgotten

    async def _tried(self, call: Awaitable[None]) -> bool:
        try:
            await call
        except RecordsError as error:
            log.write(logging.WARNING, "a record was not changed", reason=error.reason)
            return False
        return True


def starts_of(
    attempt: Attempt, delivery: Delivery, payload: Any, records: Records, clock: Clock, random: Random
) -> Starts:
    """The record of the attempt's task: by its id or key if it is idempotent, else by its message.

    payload -- None if there is none yet. Raises what the task's key function raises.
    """
    policy, what, outlives = attempt.policy, delivery.message_id, False
    if attempt.id is not None and (policy.idempotent is True or (policy.idempotent and payload is not None)):
        what, outlives = policy.key(payload, attempt.id), True
    return Starts(
        records,
        key_of(attempt.task or "", what),
        f"{random.getrandbits(64):016x}",
        clock,
        receives=delivery.receive_count,
        outlives_message=outlives,
    )


def _until(lease_ends: float) -> float:
    """The ownership ends a little before the lease: who receives the message then must find it free."""
    return lease_ends - SAFETY_SECONDS / 2
