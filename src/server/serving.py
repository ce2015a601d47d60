"""Serves one queue, one message at a time: asks the flow, receives, works, and begins again.

It is the consumer and the worker in one process: the flow is the consumer's, and what happens to a message
is the worker's. Only the dispatch is left out. So a message is received only when its task can
start at once. Its lease is by this process's clock, which the worker compares it with and which may differ
from SQS's. It begins before the receive, so it ends early, by the receive's wait at most, and never late.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Protocol

from consumer.batches import WORN_RECEIVES
from consumer.dispatch import HALF_A_CHARACTER, release_seconds
from consumer.flow.flow import Flow, Share
from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.given_up import give_up, is_near_its_end, old, worn
from consumer.summary import ALL_RUN, RATE_REACHED, Summary
from server.patience import Patience
from shared import log
from shared.delivery import Batch, Delivery
from shared.envelope import is_writable
from shared.lease import LEASE_SECONDS, MAX_RUN_SECONDS, Lease
from shared.ports.clock import Clock
from shared.ports.queue import MAX_POLL_SECONDS, Queue, QueueError

CLOSED_AGAIN_SECONDS = 5.0
"""Seconds until the flow is asked again after it said that nothing more may be received."""

EMPTY_AGAIN_SECONDS = 1.0
"""Seconds until the next look at an empty queue with a rate or an exact cap: a poll does not wait."""

type Work = Callable[[Batch, Callable[[], float]], Awaitable[object]]
"""Works a batch, as `Worker.work`. The second argument returns how many seconds are left."""


class Stop(Protocol):
    """The wish to stop.

    asked -- whether nothing more may be received.
    """

    @property
    def asked(self) -> bool: ...


class Serving:
    """Serves one queue.

    flows        -- returns a new flow of the queue.
    work         -- works a batch.
    stop         -- ends it, once its task has ended.
    seconds      -- most time of a task, from its receive.
    poll_seconds -- longest wait of a receive.
    """

    def __init__(
        self,
        queue: Queue,
        dead_letters: Queue,
        flows: Callable[[], Flow],
        work: Work,
        clock: Clock,
        random: Random,
        stop: Stop,
        *,
        seconds: float = MAX_RUN_SECONDS,
        poll_seconds: int = MAX_POLL_SECONDS,
    ) -> None:
        self._queue = queue
        self._dead_letters = dead_letters
        self._flows = flows
        self._work = work
        self._clock = clock
        self._random = random
        self._stop = stop
        self._seconds = seconds
        self._poll_seconds = poll_seconds
        self._patience = Patience(random)
        self._flow = flows()
        self._closed: str | None = None
        self._idle = False  # whether the flow is limited, and nothing seems to wait

    async def run(self) -> None:
        """Serves the queue until it is asked to stop."""
        while not self._stop.asked:
            if self._idle:
                await self._wait_for_a_message()
                self._idle = False
            else:
                await self._turn()
        await self._flow.end()

    async def _turn(self) -> None:
        share = await self._flow.may_receive()
        if share.most == 0:
            await self._wait_for_the_flow(share)
            return
        self._say_closed(None)
        asked_at = self._clock.now()
        received = await self._receive(share)
        self._idle = received == [] and bool(share.slots)
        if not received:
            if self._idle:
                await self._clock.sleep(EMPTY_AGAIN_SECONDS)
            return
        (delivery,) = received
        lease = Lease.taken(asked_at)._replace(received_at=self._clock.now())
        if not share.slots and self._clock.now() > asked_at + LOOK_AGAIN_SECONDS:
            share = await self._flow.may_receive()  # it may have changed while the receive waited
            self._flow.received(share, min(1, share.most))
        for slot in share.slots[:1]:
            await self._clock.sleep(max(0.0, slot.at - self._clock.now()))
        if not await self._started(delivery, share, lease):
            for slot in share.slots[:1]:
                self._flow.unsent(slot)
        await self._renew_the_flow()

    async def _wait_for_the_flow(self, share: Share) -> None:
        over = self._flow.over
        if over is None:
            self._idle = True
            await self._clock.sleep(share.again_seconds)
            return
        self._say_closed(over)
        await self._renew_the_flow()
        await self._clock.sleep(CLOSED_AGAIN_SECONDS)

    async def _wait_for_a_message(self) -> None:
        """Waits until messages wait, but not for long: SQS's figure may be old.

        To take slots that nobody uses would keep them from others, and cost a write each, and the writes of
        all processes that are slower.
        """
        until = self._clock.now() + self._poll_seconds * self._random.uniform(1, 2)
        while self._clock.now() < until and not self._stop.asked:
            try:
                if await self._queue.waiting():
                    return
            except QueueError:  # the receive will say why
                return
            await self._clock.sleep(EMPTY_AGAIN_SECONDS)

    async def _renew_the_flow(self) -> None:
        """Begins a new flow, which gives back what the old one did not use."""
        await self._flow.end()
        self._flow = self._flows()

    def _say_closed(self, why: str | None) -> None:
        """Logs why nothing is received, once for each reason. A limit that is used up is not worth a line."""
        if why in (RATE_REACHED, ALL_RUN) or why == self._closed:
            return
        level = logging.INFO if why is None or Summary(stopped=why).went_well else logging.ERROR
        log.write(level, "nothing is received" if why else "receives again", reason=why)
        self._closed = why

    async def _receive(self, share: Share) -> list[Delivery] | None:
        """Returns at most one delivery, or None if the receive failed."""
        wait = 0 if share.slots else self._poll_seconds  # slots expire within seconds
        try:
            received = await self._queue.receive(1, wait, LEASE_SECONDS)
        except QueueError as error:
            self._flow.received(share, 0)
            log.write(logging.WARNING, f"receive {error.meaning.value}", reason=str(error))
            await self._clock.sleep(self._patience.pause_seconds(error.meaning))
            return None
        self._flow.received(share, len(received))
        self._patience.went_well()
        return received

    async def _started(self, delivery: Delivery, share: Share, lease: Lease) -> bool:
        """Works the message, or returns False if it must not start here."""
        if self._stop.asked:
            await self._release(delivery, 0, "this process stops")
        elif share.most == 0 and not is_near_its_end(delivery, self._clock.now()):
            await self._release(delivery, release_seconds(delivery, self._random), "its queue has closed")
        elif not is_writable(delivery.message):  # no dead letter could hold it, either
            await self._release(delivery, release_seconds(delivery, self._random), HALF_A_CHARACTER)
        elif share.most == 0 or delivery.receive_count >= WORN_RECEIVES:
            reason = old(delivery) if share.most == 0 else worn(delivery)
            ports = self._queue, self._dead_letters, self._clock, self._random
            await give_up(delivery, reason, *ports)
        else:
            ends_at = lease.received_at + self._seconds
            leased = Delivery(delivery.message, delivery.queue_url, _with(lease, share))
            await self._work(Batch((leased,)), lambda: ends_at - self._clock.now())
            return True
        return False

    async def _release(self, delivery: Delivery, seconds: int, reason: str) -> None:
        """Leaves a message that was not started to another worker, after `seconds`."""
        log.write(logging.INFO, "released", message_id=delivery.message_id, reason=reason)
        try:
            failed = await self._queue.change_visibility([delivery], seconds)
        except QueueError as error:
            log.write(logging.WARNING, "not released: it comes again when its lease ends", reason=str(error))
            return
        if failed:
            log.write(logging.WARNING, "not released: possible duplicate", reason=failed[0].reason)


def _with(lease: Lease, share: Share) -> Lease:
    """Returns the lease with the permit and the doubt of the share."""
    for slot in share.slots[:1]:
        lease = lease._replace(start_by=min(lease.start_by, slot.start_by), permit=slot.permit)
    return lease._replace(doubt=share.doubt)
