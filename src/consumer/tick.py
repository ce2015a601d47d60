"""What does the consumer do when it is woken? It polls, and dispatches what it received, many times.

A tick ends when the queue has run empty (and it has lingered), when its time is used up, or when
going on would do harm. While receives come back full, more pollers poll side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from consumer.dispatch import Dispatcher
from consumer.flow.cap import InFlightCap
from shared.delivery import Delivery
from shared.lease import DISPATCH_SECONDS, LEASE_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import MAX_PER_CALL, MAX_WAIT_SECONDS, Queue, QueueError

POLLERS = 4
"""Most polls under way at once, unless a tick is told otherwise."""

RESERVE_SECONDS = DISPATCH_SECONDS + 5
"""Kept free at the end of the function's time for what is received last."""

EMPTY_POLLS = 2
"""How many empty polls in a row mean an empty queue, once messages have come: each waits a second for more,
and so asks all of SQS's servers."""

IDLE_POLLS = 3
"""How many do before any has come. They don't wait: that second would be most of what an idle month costs.
Each asks some of SQS's servers, by chance; what all of them miss is for the next tick
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html)."""

ASK_AGAIN_SECONDS = 0.25

QUEUE_EMPTY = "queue empty"
OUT_OF_TIME = "out of time"


@dataclass(slots=True)
class Summary:
    """One tick, counted; `stopped` says why it ended.

    received = dispatched + released + dead_lettered + left; what was left comes again by itself.
    """

    polls: int = 0
    received: int = 0
    dispatched: int = 0
    released: int = 0
    dead_lettered: int = 0
    left: int = 0
    stopped: str = ""

    @property
    def went_well(self) -> bool:
        """Whether it ended as ticks should."""
        return self.stopped in (QUEUE_EMPTY, OUT_OF_TIME)


class Tick:
    """One run of the consumer.

    linger_seconds -- how long to poll on after the queue has run empty.
    ends_at        -- when the function's own time is over, in epoch seconds.
    pollers        -- most polls under way at once.
    """

    def __init__(
        self,
        queue: Queue,
        flow: InFlightCap,
        dispatcher: Dispatcher,
        clock: Clock,
        *,
        linger_seconds: float,
        ends_at: float,
        pollers: int = POLLERS,
    ) -> None:
        self._queue = queue
        self._flow = flow
        self._dispatcher = dispatcher
        self._clock = clock
        self._linger_seconds = linger_seconds
        self._max_pollers = pollers
        self._last_poll_by = ends_at - RESERVE_SECONDS
        self._summary = Summary()
        self._pollers = 0
        self._empty_polls = 0
        self._empty_since: float | None = None
        self._paused_until = 0.0

    async def run(self) -> Summary:
        """Polls until there is a reason to stop. Raises nothing that AWS may answer: it is in the summary."""
        async with asyncio.TaskGroup() as group:
            self._open_poller(group)
        return self._summary

    def _open_poller(self, group: asyncio.TaskGroup) -> None:
        self._pollers += 1
        group.create_task(self._poll_on(group, first=self._pollers == 1))

    async def _poll_on(self, group: asyncio.TaskGroup, *, first: bool) -> None:
        """One poller. The first goes on until the tick stops, the others while receives come back full."""
        while not self._summary.stopped:
            if (pause := self._paused_until - self._clock.now()) > 0:
                await self._clock.sleep(pause)
                continue
            received = await self._poll()
            if received == MAX_PER_CALL and self._pollers < self._max_pollers:
                self._open_poller(group)
            if received < MAX_PER_CALL and not first:
                break
        self._pollers -= 1

    async def _poll(self) -> int:
        """One receive and its dispatches; how many messages came."""
        asked = await self._flow.may_receive()
        left = self._last_poll_by - self._clock.now()  # after `may_receive`, which may have asked SQS
        if left < 1:
            self._flow.received(asked, 0)
            self._stop(OUT_OF_TIME)
            return 0
        if asked == 0:
            await self._clock.sleep(ASK_AGAIN_SECONDS)
            return 0
        received: Sequence[Delivery] = ()
        try:
            received = await self._queue.receive(asked, self._wait_seconds(left), LEASE_SECONDS)
        except QueueError as error:
            self._stop(f"receive failed: {error}")
            return 0
        finally:
            self._flow.received(asked, len(received))
        self._summary.polls += 1
        self._summary.received += len(received)
        self._note_emptiness(bool(received))
        if received:
            await self._dispatch_all(received)
        return len(received)

    async def _dispatch_all(self, received: Sequence[Delivery]) -> None:
        result = await self._dispatcher.dispatch(received)
        self._summary.dispatched += result.dispatched
        self._summary.released += result.released
        self._summary.dead_lettered += result.dead_lettered
        self._summary.left += result.left
        if result.stop:
            self._stop(result.stop)
        if result.pause_seconds:  # all pollers wait: the rate is that of all of them
            self._paused_until = self._clock.now() + result.pause_seconds

    def _wait_seconds(self, left: float) -> int:
        """How long the next receive waits: 1 s if messages have come, or as long as the tick lingers."""
        wanted = 1.0 if self._summary.received else 0.0
        if self._empty_since is not None:
            lingers = self._empty_since + self._linger_seconds - self._clock.now()
            wanted = max(1.0, lingers) if lingers > 0 else wanted
        return int(min(wanted, left, MAX_WAIT_SECONDS))

    def _note_emptiness(self, came: bool) -> None:
        if came:
            self._empty_polls, self._empty_since = 0, None
            return
        now = self._clock.now()
        self._empty_polls += 1
        self._empty_since = now if self._empty_since is None else self._empty_since
        enough = EMPTY_POLLS if self._summary.received else IDLE_POLLS
        if self._empty_polls >= enough and now >= self._empty_since + self._linger_seconds:
            self._stop(QUEUE_EMPTY)

    def _stop(self, why: str) -> None:
        self._summary.stopped = self._summary.stopped or why
