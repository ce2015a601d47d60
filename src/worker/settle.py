"""How is an outcome made true on SQS? Delete, postpone, or move to the dead-letter queue."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from random import Random

from shared import log
from shared.dead_letter import bury
from shared.delivery import Delivery
from shared.ports import Clock, Queue, QueueError
from worker.outcome import DeadLetter, Ignored, Outcome, RetryLater, Succeeded


@dataclass(frozen=True, slots=True)
class Settler:
    """Settles deliveries of `queue`."""

    queue: Queue
    dead_letters: Queue
    clock: Clock
    random: Random

    async def settle(self, outcome: Outcome, delivery: Delivery) -> bool:
        """Whether the outcome is now true on SQS. If not, the message comes again when its lease ends."""
        if isinstance(outcome, Ignored) or not delivery.can_be_settled:
            return False
        try:
            match outcome:
                case Succeeded():
                    failed = await self.queue.delete([delivery])
                case RetryLater(seconds):
                    failed = await self.queue.postpone([delivery], seconds)
                case DeadLetter(death):
                    return await bury(delivery, death, self.queue, self.dead_letters, self.clock, self.random)
        except QueueError as error:
            log.write(logging.ERROR, "not settled: the message will come again", reason=str(error))
            return False
        if failed:
            # A handle that is no longer good: somebody else has the message, or had it.
            log.write(logging.WARNING, "not settled: possible duplicate", reason=failed[0].reason)
        return not failed
