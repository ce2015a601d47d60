"""How is an outcome made true on SQS? Delete, postpone, or move to the dead-letter queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from shared import log
from shared.dead_letter import Move, move_to_dead_letters
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.queue import Failed, Queue, QueueError
from worker.outcome import AlreadyDone, DeadLetter, LeftAlone, Outcome, RetryLater, Succeeded
from worker.record import Record


class Settler(NamedTuple):
    """Settles deliveries of `queue`."""

    queue: Queue
    dead_letters: Queue
    clock: Clock
    random: Random

    async def settle(self, outcome: Outcome, delivery: Delivery, record: Record | None = None) -> bool:
        """Whether the outcome is now true on SQS. If not, the message comes again when its lease ends.

        record -- the task's. A dead letter's starts are forgotten between its storing and the delete: later
                  they might never be, and the next message of that key would be given up untried.
        """
        match outcome:
            case LeftAlone():
                return False
            case _ if not delivery.can_be_settled:
                return False
            case Succeeded() | AlreadyDone():
                return await self.delete([delivery]) == []
            case RetryLater(seconds):
                return await self.postpone([delivery], seconds)
            case DeadLetter(cause):
                forget = None if record is None else record.forget
                moved = await move_to_dead_letters(
                    delivery, cause, self.queue, self.dead_letters, self.clock, self.random, forget
                )
                return moved is Move.MOVED

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Deletes the messages of successes; those for which that can't be confirmed."""
        try:
            failed = await self.queue.delete(deliveries)
        except QueueError as error:
            log.write(logging.ERROR, "not deleted: the message will come again", reason=str(error))
            return list(deliveries)
        _say_stale(failed)
        return [failure.delivery for failure in failed]

    async def postpone(self, deliveries: Sequence[Delivery], seconds: int) -> bool:
        """Hides the messages for so long; whether that worked for all."""
        try:
            failed = await self.queue.change_visibility(deliveries, seconds)
        except QueueError as error:
            log.write(logging.ERROR, "not postponed: the message will come again", reason=str(error))
            return False
        _say_stale(failed)
        return not failed


def _say_stale(failed: Sequence[Failed]) -> None:
    """A handle that is no longer good: somebody else has the message, or had it."""
    if failed:
        log.write(logging.WARNING, "not settled: possible duplicate", reason=failed[0].reason)
