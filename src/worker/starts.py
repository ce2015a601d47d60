"""Counts the starts of a message, before any of the user's code: so no message kills workers for ever.

A first delivery is counted only when it fails, or when SQS may drop its message before it comes again: a
success costs no call. From the second delivery on nothing starts without a record; and no message that could
expire, not even the first time.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from random import Random
from typing import Any

from shared import log
from shared.dead_letter import Cause
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.records import Counted, Records, RecordsError, record_key
from worker.lookup import BrokenTaskError
from worker.outcome import (
    AlreadyDone,
    Attempt,
    DeadLetter,
    Limits,
    Outcome,
    RetryLater,
    never_ended,
    too_old,
    wait_seconds,
)

MAX_STARTS = 20
"""Most recorded starts of a message, unless its task allows more attempts and the record says so."""


class UnmarkedError(BrokenTaskError):
    """The first start of a message that can expire can't be recorded now. It is tried again: a message that
    has started must never expire."""


class Starts:
    """The starts of a delivery's message; of a redriven one, those of all messages with its token."""

    def __init__(
        self, delivery: Delivery, records: Records, clock: Clock, random: Random, token: str | None = None
    ) -> None:
        self._receives = delivery.receive_count
        self._always = token is not None  # another message may have all of it behind it
        self._records = records
        self._key = (
            record_key("starts", delivery.message_id) if token is None else record_key("redrive", token)
        )
        self._owner = f"{random.getrandbits(64):016x}"  # an event that Lambda sent twice has two owners
        self._clock = clock
        self._random = random
        self._counted: Counted | None = None
        self._told = False

    @property
    def concluded(self) -> bool:
        """Returns whether the record says that only the message's delete is left to do."""
        return self._counted is not None and self._counted.concluded

    async def count(self, attempt: Attempt, limits: Limits) -> Outcome | None:
        """Counts this start, unless it is of a first delivery, and gives the attempt its number.

        Returns the outcome if the task must not start, or None.
        """
        first = self._receives <= 1 and not self._always
        if first and not limits.near_the_end:
            return None
        try:
            counted = await self._count(attempt)
        except RecordsError as error:
            if first:
                return None
            wait = wait_seconds(self._receives, self._random)
            return RetryLater(wait, f"not started: its starts can't be counted: {error.reason}")
        attempt.started = counted.allowed > 0  # only `allowed` shows that the task itself was reached
        if counted.concluded:
            return AlreadyDone()
        if counted.letter:
            return DeadLetter(Cause.from_text(counted.letter))
        # If the policy is known, `used_up` ends it one start earlier, with the policy's own words.
        most = MAX_STARTS if counted.allowed < MAX_STARTS else counted.allowed + 1
        if counted.starts > most:
            return never_ended(attempt)
        return too_old(attempt, limits)

    async def failed(self, attempt: Attempt) -> None:
        """Counts this start if it is not counted yet; asks for that once, whatever becomes of it."""
        if self._counted is None and not self._told:
            self._told = True
            await self._tried(self._count(attempt))
        await self._allow(attempt)

    async def allow(self, attempt: Attempt) -> None:
        """Records the task's attempts, if they are not less than a counted message has by default, or if the
        message could expire: then they say that it has started. Raises UnmarkedError if that can't be
        recorded."""
        if not attempt.bounded:
            await self._allow(attempt)
            return
        attempts = attempt.policy.attempts
        try:
            await self._records.allow(self._key, attempts, self._clock.now())
        except RecordsError as error:
            raise UnmarkedError(f"not started: its first start can't be recorded: {error.reason}") from None
        if self._counted is not None:
            self._counted = self._counted._replace(allowed=attempts)

    async def _allow(self, attempt: Attempt) -> None:
        if attempt.bounded or attempt.expired is not None:  # that would say that it has started
            return
        attempts = attempt.policy.attempts
        counted = self._counted
        if counted is not None and attempts >= MAX_STARTS and attempts > counted.allowed:
            self._counted = counted._replace(allowed=attempts)  # recorded once
            await self._tried(self._records.allow(self._key, attempts, self._clock.now()))

    async def excuse(self, attempt: Attempt, *, unloaded: bool = False) -> None:
        """Takes this start back: the task must not run now, or was not loaded, which has its own count."""
        try:
            if self._counted is None:
                if not unloaded:
                    return
                await self._count(attempt)
            now = self._clock.now()
            attempt.unloaded = await self._records.excuse(self._key, self._owner, now, unloaded)
        except RecordsError as error:
            _say(error)

    async def conclude(self, cause: Cause | None = None) -> bool:
        """Records that only the message's delete is left to do, or its dead letter with this cause. Returns
        whether it did."""
        letter = "" if cause is None else cause.to_text()
        return await self._tried(self._records.conclude(self._key, self._clock.now(), letter))

    async def _count(self, attempt: Attempt) -> Counted:
        self._counted = await self._records.count(self._key, self._owner, self._clock.now())
        attempt.number = self._counted.starts
        return self._counted

    async def _tried(self, call: Awaitable[Any]) -> bool:
        try:
            await call
        except RecordsError as error:
            _say(error)
            return False
        return True


def _say(error: RecordsError) -> None:
    log.write(logging.WARNING, "a start was not recorded", reason=error.reason)
