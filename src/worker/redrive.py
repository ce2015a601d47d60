"""The record of a redrive's token: a message may be on the queue twice, and its task runs to success once.

`zigzag dead-letters redrive` sends a letter's message, and then deletes the letter. If it is killed between,
the next redrive sends the message again, with the same token. So the worker takes the token's record before
anything else, and only one message of a token runs at a time. Once its task has succeeded, any other is
already done. Once it has failed for good, the record says so before the letter is sent, and after it that
nothing is left to do: the letter's own redrive has another token.
"""

from __future__ import annotations

import logging
from random import Random

from shared import log
from shared.delivery import Delivery
from shared.lease import LEASE_SECONDS
from shared.ports.clock import Clock
from shared.ports.records import Records, RecordsError, record_key
from worker.host import Host
from worker.outcome import AlreadyDone, DeadLetter, Ignored, Outcome, RetryLater, Succeeded, waiting_at_least
from worker.record import EARLIER_SECONDS, Record


class Redrive(Record):
    """The record of the token that a delivery carries."""

    def __init__(
        self, token: str, delivery: Delivery, records: Records, clock: Clock, random: Random, host: Host
    ) -> None:
        super().__init__(records, record_key("redrive", token), delivery.receive_count, clock, random, host)

    async def ended(self, outcome: Outcome) -> Outcome:
        """Records the end of an attempt. Returns the outcome; a retry waits until the token is free."""
        match outcome:
            case Succeeded() | AlreadyDone():
                await self.finish()
            case DeadLetter() | Ignored():
                pass  # the record is finished once the letter is stored, or the reply is sent
            case RetryLater():
                await self.disown()
                return waiting_at_least(self.free_in, outcome)
            case _:
                await self.disown()
        return outcome

    async def stays_ours(self) -> bool:
        """Extends the ownership until the letter is stored. Returns whether it did: if not, another message
        of the token may run, and the letter keeps the token."""
        until = self._clock.now() + LEASE_SECONDS - EARLIER_SECONDS
        try:
            return self.owned and await self._records.extend(self.key, self._owner, until)
        except RecordsError as error:
            log.write(logging.WARNING, "a redriven dead letter keeps its token", reason=error.reason)
            return False

    async def spend(self) -> bool:
        """Records that the token is used up, as its letter is stored. Returns whether it did."""
        try:
            if await self._records.finish(self.key, self._owner, self._clock.now()):
                return True
            reason = "another worker has the record of its redrive"
        except RecordsError as error:
            reason = error.reason
        log.write(logging.ERROR, "a redriven dead letter was not recorded: it will come again", reason=reason)
        return False
