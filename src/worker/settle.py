"""Settles an outcome on SQS: deletes, postpones, or moves to the dead-letter queue; sends what repairs it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import inf
from random import Random

from shared import log
from shared.dead_letter import Cause, Move, move_to_dead_letters, remove, store
from shared.delivery import Delivery
from shared.errors import words
from shared.lease import KEPT_SECONDS, SAFETY_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import MAX_VISIBILITY_SECONDS, Queue, QueueError, Refused
from worker.decode import Decode, decode
from worker.finish import NOWHERE, Reach
from worker.host import Host
from worker.outcome import (
    AlreadyDone,
    Attempt,
    DeadLetter,
    Ignored,
    LeftAlone,
    Limits,
    Outcome,
    Released,
    RetryLater,
    Succeeded,
    before_it_is_dropped,
)
from worker.result import Result
from zigzag.policy import NOTIFY


class Settler:
    """Settles deliveries of `queue`. If a call fails, the process exits: a new one may succeed.

    deletes_together -- whether successes may wait for others, to be deleted by one call.
    """

    deletes_together = True

    def __init__(
        self,
        queue: Queue,
        dead_letters: Queue,
        clock: Clock,
        random: Random,
        host: Host,
        decode: Decode = decode,
        reach: Reach = NOWHERE,
    ) -> None:
        self._decode = decode
        self._reach = reach
        self._queue = queue
        self._dead_letters = dead_letters
        self._clock = clock
        self._random = random
        self._host = host

    async def settle(self, result: Result, lease_ends: float) -> bool:
        """Carries out the outcome on SQS, and returns whether it did. If not, the message comes again."""
        delivery = result.start.delivery
        match result.outcome:
            case LeftAlone():
                return False
            case Ignored(cause):
                if result.start.attempt.reply_to is not None:
                    _, told = await self._reply(cause, result, concludes=False)
                    if told.reason != cause.reason:  # it can't be sent: a person has to know
                        return await self._move(delivery, told)
                if result.start.redrive is not None:
                    await result.start.redrive.finish()
                return await self.delete([result]) == [True]
            case Succeeded() | AlreadyDone():
                return await self.delete([result]) == [True]
            case RetryLater(seconds) | Released(seconds):
                return await self.postpone([delivery], seconds, lease_ends)
            case DeadLetter(cause):
                return await self._dead_letter(result, cause)

    async def _dead_letter(self, result: Result, cause: Cause) -> bool:
        """Moves the message to the dead letters. Before that it sends the reply that is asked for, and the
        task that repairs it. Returns whether the message is off the queue."""
        delivery, attempt = result.start.delivery, result.start.attempt
        starts, redrive, record = result.start.starts, result.start.redrive, attempt.record
        if cause.unsent is not None or attempt.reply_to is not None:
            delivery, cause = await self._reply(cause, result)
        repairs = cause.on_failure not in (None, NOTIFY)
        ours = redrive is not None and await redrive.stays_ours()
        # Its own task never starts again: it could succeed beside the repair, or the letter's redrive.
        concluded = (repairs or ours) and await starts.conclude(cause)
        spends = redrive if ours and concluded else None  # else the letter keeps the token
        if repairs:
            sent = await self._send_repair(delivery, cause)
            if sent is None:
                return False
            cause = sent
        stored = await store(delivery, cause, *self._ports, spent=spends is not None)
        if stored and cause.unsent is not None and record is not None:
            await record.finish()  # not yet done if the function's time was over while it was composed
            await record.sent()  # from now on only the letter holds it
        gone = stored and (spends is None or await spends.spend()) and await remove(delivery, self._queue)
        if not gone and (redrive is None or spends is not None):
            left = None if stored else cause._replace(on_failure=None)  # no repair is sent twice
            await starts.conclude(left)
        return gone or self._give_up()

    async def _reply(self, cause: Cause, result: Result, *, concludes: bool = True) -> tuple[Delivery, Cause]:
        """Sends the reply of a failed task. Returns the delivery and the cause for its letter; that of a task
        that is done holds what could not be sent.

        concludes -- whether it is recorded before that only the letter is left to do.
        """
        from worker.follow import letters  # few messages need it
        from worker.follow.following import send_each

        delivery, cause = result.start.delivery, letters.with_reply(cause, result.start.attempt)
        if concludes:  # its task never starts again: it could succeed after this, or is done
            await result.start.starts.conclude(cause)
        if (ups := letters.of_a_failure(cause)) is None:
            return letters.holding(delivery, cause), cause
        _, why = await send_each(ups.send, self._queue, delivery.queue_url, self._reach)
        return delivery, letters.without_reply(cause, why)

    async def _send_repair(self, delivery: Delivery, cause: Cause) -> Cause | None:
        """Sends the task that repairs the message's. Returns the cause of the letter, which says why if the
        queue will never take it; or None if it comes again for that."""
        from worker.failure import is_for_good, repair_of, without_repair  # few tasks need it

        try:
            await self._queue.send(repair_of(delivery, cause, self._decode))
        except Exception as error:  # whatever the body has become: the batch goes on
            if not is_for_good(error, delivery, self.limits(delivery)):
                self._say_unreached(f"not sent to {cause.on_failure}: the message will come again", error)
                return None
            why = str(error) or words(error)
        else:
            return cause
        log.write(logging.ERROR, f"not sent to {cause.on_failure}: its message is a dead letter", reason=why)
        return without_repair(cause, why)

    async def release(
        self, deliveries: Sequence[Delivery], released: Released, lease_ends: float
    ) -> list[tuple[Delivery, Outcome, bool]]:
        """Leaves deliveries that were not started to another dispatch. Returns each with its outcome, and
        whether that is carried out.

        A message that SQS may drop before becomes a dead letter: in a group, those are the first.
        """
        told: list[tuple[Delivery, Outcome, bool]] = []
        left: list[Delivery] = []
        for delivery in deliveries:
            outcome = before_it_is_dropped(released, Attempt(0), self.limits(delivery))
            if isinstance(outcome, DeadLetter):
                moved = await self._move(delivery, outcome.cause)
                told.append((delivery, outcome, moved))
            else:
                left.append(delivery)
        postponed = bool(left) and await self.postpone(left, released.seconds, lease_ends)
        return told + [(delivery, released, postponed) for delivery in left]

    async def delete(self, results: Sequence[Result]) -> list[bool]:
        """Deletes the messages. Returns for each whether its delete is confirmed."""
        if not results:
            return []
        try:
            failed = await self._queue.delete([result.start.delivery for result in results])
        except QueueError as error:
            self._say_unreached("not deleted: the message will come again", error)
            left = [result.start.delivery for result in results]
        else:
            _say_stale(failed)
            left = [failure.delivery for failure in failed]
        for result in results:
            if result.start.delivery in left:
                await result.start.starts.conclude()
        return [result.start.delivery not in left for result in results]

    async def postpone(self, deliveries: Sequence[Delivery], seconds: int, lease_ends: float) -> bool:
        """Hides the messages for `seconds`. Returns whether that worked for all. It is not tried once the
        lease has ended: another worker may have them for longer."""
        try:
            failed = await self._queue.change_visibility(deliveries, seconds, lease_ends)
        except QueueError as error:
            self._say_unreached("not postponed: the message will come again", error)
            return False
        _say_stale(failed)
        return not failed

    def limits(self, delivery: Delivery) -> Limits:
        """Returns the limits that SQS sets to the message now.

        The 12 hours of visibility run from the receive, the retention from the send.
        """
        now = self._clock.now()
        # Without a lease the receive's time is unknown; an hour is more than a dispatch by hand takes.
        elapsed = (
            3600 if delivery.lease is None else max(0.0, now - delivery.lease.received_at) + SAFETY_SECONDS
        )
        kept = inf if delivery.sent_at is None else delivery.sent_at + KEPT_SECONDS - now
        tried = inf if delivery.first_received_at is None else now - delivery.first_received_at
        return Limits(MAX_VISIBILITY_SECONDS - elapsed, kept, tried)

    async def _move(self, delivery: Delivery, cause: Cause) -> bool:
        """Moves the message to the dead letters, and returns whether it is off the queue."""
        moved = await move_to_dead_letters(delivery, cause, *self._ports)
        return moved is Move.MOVED or self._give_up()

    @property
    def _ports(self) -> tuple[Queue, Queue, Clock, Random]:
        return self._queue, self._dead_letters, self._clock, self._random

    def _say_unreached(self, what: str, error: Exception) -> None:
        log.write(logging.ERROR, what, reason=str(error))
        self._give_up()

    def _give_up(self) -> bool:
        """Has the process end, as its successor may do better: a task may have broken it. Returns False."""
        self._host.exit_reason = "a message could not be settled"
        return False


def _say_stale(failed: Sequence[Refused]) -> None:
    """Logs that a receipt handle has expired: another worker has, or had, the message."""
    if failed:
        log.write(logging.WARNING, "not settled: possible duplicate", reason=failed[0].reason)
