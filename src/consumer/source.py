"""A queue's turn in a tick: polls until the queue is empty, the time is used up, or calls fail.

The end of a turn concerns only its queue: the tick goes on with the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from consumer.dispatch import Dispatcher, PollResult
from consumer.flow.flow import Flow, Share, Slot
from consumer.linger import Linger
from consumer.memory import Memory
from consumer.patience import Patience
from consumer.summary import OUT_OF_TIME, Summary
from shared import log
from shared.delivery import Delivery
from shared.lease import DISPATCH_SECONDS, LEASE_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import MAX_PER_CALL, MAX_POLL_SECONDS, Queue, QueueError

LAST_RECEIVE_SECONDS = DISPATCH_SECONDS + 5
"""Seconds kept free at the end of the function's time, for the messages received last."""

EMPTY_POLLS = 2
"""Empty polls in a row that mean an empty queue, once messages have come. Each waits a second for more, and
so asks all of SQS's servers."""

IDLE_POLLS = 3
"""Empty polls in a row that mean an empty queue, before any message has come. They don't wait: that second
would be most of the cost of an idle month. Each asks some of SQS's servers, chosen at random. The next tick
receives the messages that all of them miss
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html)."""

LINGER_AGAIN_SECONDS = 1.0
"""Seconds until the next poll of a queue that lingers, and whose polls don't wait."""


class Source:
    """Polls one queue in one tick.

    linger  -- how long to poll on after the queue has run empty.
    ends_at -- when the function's own time is over, in epoch seconds.
    brief   -- whether its polls don't wait for messages.
    name    -- the queue's, to say whose calls were refused; empty if there is no other queue.
    takes   -- is told how many messages each poll asks for, and then, below 0, how many of them did not come.

    has_run_empty -- whether enough polls in a row were empty, and it has lingered; or the next tick takes it
                     over.
    is_refused    -- whether the flow allowed nothing when it was asked last.
    is_full       -- whether the last receive brought as many messages as it asked for, and no rate or exact
                     cap limited it.
    """

    def __init__(
        self,
        queue: Queue,
        flow: Flow,
        dispatcher: Dispatcher,
        clock: Clock,
        random: Random,
        memory: Memory,
        *,
        linger: Linger,
        ends_at: float,
        brief: bool = False,
        name: str = "",
        takes: Callable[[int], None],
    ) -> None:
        self.turn = Summary()
        self._queue = queue
        self._flow = flow
        self._dispatcher = dispatcher
        self._clock = clock
        self._random = random
        self._memory = memory
        self._patience = Patience("receives")
        self._linger = linger
        self._ends_at = ends_at
        self._is_brief = brief
        self._of_queue = f"{name}: " if name else ""
        self._takes = takes
        self._empty_polls = 0
        self._empty_since = 0.0
        self._paused_until = 0.0
        self.has_run_empty = False
        self.is_refused = False
        self._brought_all = False
        self.is_full = False
        self._is_at_full_speed = False

    @property
    def brings(self) -> bool:
        """Returns whether the last receive brought as many messages as it asked for, and the turn goes on."""
        return self._brought_all and not self.turn.stopped

    @property
    def has_more(self) -> bool:
        """Returns whether the queue seems to have many messages, and may be polled."""
        return self.is_full and not self.turn.stopped and not self.pause_seconds()

    @property
    def is_behind(self) -> bool:
        """Returns whether only this consumer's speed limits what it receives: its polls are full, and no
        rate, exact cap or pause slows them down."""
        return not self.turn.stopped and self._is_at_full_speed and not self.pause_seconds()

    def pause_seconds(self) -> float:
        """Returns how long the queue must not be polled. The pause holds for all pollers, since AWS counts
        all their calls together."""
        return max(0.0, self._paused_until - self._clock.now())

    async def poll(self) -> int:
        """Makes one receive and its dispatches. Returns how many messages came."""
        async with self._memory.poll(self._of_queue):
            return 0 if self.turn.stopped else await self._poll()

    async def _poll(self) -> int:
        share = await self._flow.may_receive()
        self._takes(share.most)
        left = self._seconds_left()  # after the flow, which may have called SQS
        if left < 1:
            self._received(share, 0)
            self.turn.stop(OUT_OF_TIME)
            return 0
        self.is_refused = share.most == 0
        if self.is_refused:
            self._is_at_full_speed &= not share.slow
            if over := self._flow.over:
                self.turn.stop(over)
            else:  # other polls have reserved the rest, and may give it back; or the next slot is near
                self._pause(share.again_seconds)  # no poller of other queues waits for it
            return 0
        # Slots expire within seconds, and a small cap has no places for polls that wait.
        brief = bool(share.slots) or self._is_brief
        received = await self._receive(share, 0 if brief else self._wait_seconds(left))
        if received is None:
            return 0
        self.turn.note_receive(received)
        self._brought_all = len(received) == share.most
        self.is_full = self._brought_all and not share.slots
        self._is_at_full_speed = len(received) == MAX_PER_CALL and not share.slots and not share.slow
        now = self._clock.now()
        if received:
            self._linger.received(now)
        self._note_emptiness(bool(received), waited=self.turn.received > 0 and not brief)
        more = self.is_full or (share.slots and received)
        if not more and self._linger.is_replaced(now):
            self.has_run_empty = True
        if received:
            await self._dispatch(received, share)
        elif brief and self._lingers_for() > 0 and not self.has_run_empty:
            await self._clock.sleep(LINGER_AGAIN_SECONDS)
        return len(received)

    async def _receive(self, share: Share, wait_seconds: int) -> Sequence[Delivery] | None:
        """Returns the deliveries, or None if the receive failed. Only this poller pauses then: a failed
        receive says nothing about those of others."""
        begun = self._patience.begin()
        try:
            received = await self._queue.receive(share.most, wait_seconds, LEASE_SECONDS)
        except QueueError as error:
            self._received(share, 0)
            log.write(logging.WARNING, f"receive {error.meaning.value}", reason=str(error))
            if stop := self._patience.ended([error.meaning], begun):
                self.turn.stop(f"{self._of_queue}{stop}: {error}")
            elif pause := self._patience.pause_seconds([error.meaning], self._random):
                await self._clock.sleep(pause)
            return None
        self._received(share, len(received))
        self._patience.ended([], begun)
        return received

    def _received(self, share: Share, came: int) -> None:
        self._flow.received(share, came)
        self._takes(came - share.most)

    async def _dispatch(self, received: Sequence[Delivery], share: Share) -> None:
        if share.doubt:
            received = [_with(delivery, doubt=share.doubt) for delivery in received]
        if not share.slots:
            self._note(await self._dispatcher.dispatch(received))
            return
        at_slots = (self._dispatch_at(*each) for each in zip(received, share.slots, strict=False))
        for result in await asyncio.gather(*at_slots):
            self._note(result)

    async def _dispatch_at(self, delivery: Delivery, slot: Slot) -> PollResult:
        """Dispatches the delivery alone, at its slot. A worker that starts too late for it leaves it
        alone."""
        await self._clock.sleep(max(0.0, slot.at - self._clock.now()))
        by = slot.start_by if delivery.lease is None else min(delivery.lease.start_by, slot.start_by)
        sending = _with(delivery, start_by=by, permit=slot.permit)
        result = await self._dispatcher.dispatch([sending])
        if not result.dispatched and not result.left:
            self._flow.unsent(slot)
        return result

    def _note(self, result: PollResult) -> None:
        self.turn.dispatched += result.dispatched
        self.turn.released += result.released
        self.turn.dead_lettered += result.dead_lettered
        self.turn.left += result.left
        if result.stop:
            self.turn.stop(self._of_queue + result.stop)
        if result.pause_seconds:
            self._pause(result.pause_seconds)

    def _seconds_left(self) -> float:
        """Returns how long polls may go on, so that the messages they bring can still be dispatched."""
        return self._ends_at - LAST_RECEIVE_SECONDS - self._clock.now()

    def _wait_seconds(self, left: float) -> int:
        """Returns how long the next receive waits: 1 s if messages have come, or the rest of the linger
        time."""
        wanted = 1.0 if self.turn.received else 0.0
        if (lingers := self._lingers_for()) > 0:
            wanted = max(1.0, lingers)
        return int(min(wanted, left, MAX_POLL_SECONDS))

    def _lingers_for(self) -> float:
        """Returns for how many seconds the queue is polled on; 0 if it is not empty, or has been for long."""
        if not self._empty_polls:
            return 0.0
        return max(0.0, self._linger.until(self._empty_since) - self._clock.now())

    def _note_emptiness(self, came: bool, *, waited: bool) -> None:
        if came:
            self._empty_polls, self.has_run_empty = 0, False
            return
        if not self._empty_polls:
            self._empty_since = self._clock.now()
        self._empty_polls += 1
        enough = EMPTY_POLLS if waited else IDLE_POLLS
        self.has_run_empty = self._empty_polls >= enough and self._lingers_for() == 0

    def _pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._clock.now() + seconds)


def _with(delivery: Delivery, **of_the_lease: Any) -> Delivery:
    """The delivery, with another lease."""
    lease = None if delivery.lease is None else delivery.lease._replace(**of_the_lease)
    return Delivery(delivery.message, delivery.queue_url, lease)
