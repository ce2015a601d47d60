"""Settling: an outcome is made true on SQS. Delete, postpone, or move to the dead-letter queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import Random

from shared import log
from shared.dead_letter import Move, move_to_dead_letters
from shared.delivery import Delivery
from shared.lease import KEPT_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import MAX_VISIBILITY_SECONDS, Failed, Queue, QueueError
from worker.outcome import AlreadyDone, DeadLetter, LeftAlone, Limits, Outcome, RetryLater, Succeeded
from worker.starts import Starts


class Settler:
    """Settles deliveries of `queue`."""

    def __init__(self, queue: Queue, dead_letters: Queue, clock: Clock, random: Random) -> None:
        self._queue = queue
        self._dead_letters = dead_letters
        self._clock = clock
        self._random = random

    async def settle(self, outcome: Outcome, delivery: Delivery, starts: Starts | None = None) -> bool:
        """Whether the outcome is now true on SQS. If not, the message comes again when its lease ends.

        starts -- the task's record. A dead letter's starts are forgotten between its storing and the delete:
                  later they might never be, and the next message of that key would be given up untried.
        """
        match outcome:
            case LeftAlone():
                return False
            case Succeeded() | AlreadyDone():
                return await self.delete([delivery]) == []
            case RetryLater(seconds):
                return await self.postpone([delivery], seconds)
            case DeadLetter(cause):
                moved = await move_to_dead_letters(
                    delivery,
                    cause,
                    self._queue,
                    self._dead_letters,
                    self._clock,
                    self._random,
                    None if starts is None else starts.forget,
                )
                if moved is not Move.MOVED and starts is not None:
                    await starts.disown()
                return moved is Move.MOVED

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Deletes the messages of successes; those for which that can't be confirmed."""
        try:
            failed = await self._queue.delete(deliveries)
        except QueueError as error:
            log.write(logging.ERROR, "not deleted: the message will come again", reason=str(error))
            return list(deliveries)
        _say_stale(failed)
        return [failure.delivery for failure in failed]

    async def postpone(self, deliveries: Sequence[Delivery], seconds: int) -> bool:
        """Hides the messages for so long; whether that worked for all."""
        try:
            failed = await self._queue.change_visibility(deliveries, seconds)
        except QueueError as error:
            log.write(logging.ERROR, "not postponed: the message will come again", reason=str(error))
            return False
        _say_stale(failed)
        return not failed

    def limits(self, delivery: Delivery) -> Limits:
        """The limits that SQS sets to the message now.

        Its 12 hours run from the receive, its retention from the send.
        """
        now = self._clock.now()
        # Without a lease nobody knows; an hour is more than a dispatch by hand takes.
        elapsed = 3600 if delivery.lease is None else max(0.0, now - delivery.lease.received_at) + 1
        kept = float("inf") if delivery.sent_at is None else delivery.sent_at + KEPT_SECONDS - now
        return Limits(MAX_VISIBILITY_SECONDS - elapsed, kept)


def _say_stale(failed: Sequence[Failed]) -> None:
    """A handle that is no longer good: somebody else has the message, or had it."""
    if failed:
        log.write(logging.WARNING, "not settled: possible duplicate", reason=failed[0].reason)
