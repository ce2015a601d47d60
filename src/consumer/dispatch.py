"""Dispatches the messages of one poll: sends each to a worker in a batch, and acts on the answers.

| answer | meaning | what we do with the batch |
|---|---|---|
| 202 | sent | the worker settles it |
| 413 | too large for an asynchronous invoke | send it smaller; one that can't be is a dead letter |
| 403, 404, any other 4xx | definite: a retry won't help | release |
| 429, or no connection | transient: nothing was done | release |
| 5xx, time-out, reset | ambiguous: it may have arrived | leave it to its lease |

`consumer.patience` decides when such answers end the queue's turn. A message that was received almost as
often as SQS allows is moved to the dead letters, with a reason. So is a message that would be released, if
SQS may drop it before it comes again. A late batch, whose receive was too long ago, is released instead of
sent; so is a message that can't be written into an event. The rest of a dispatch (`consumer.batches`) is
released after any answer. The released messages of a FIFO group are released in one call, until the same
time: SQS would deliver one that becomes visible first without the others.

A lack of worker concurrency does not show here: events get 202, wait, and are dropped at their maximum age.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from consumer.batches import Dispatch, EventLimit, dispatches_of, with_traces
from consumer.given_up import TOO_LARGE, give_up, is_near_its_end, old, worn
from consumer.patience import Patience
from shared import log
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.queue import Queue, QueueError
from shared.ports.workers import Meaning, Workers

RELEASE_SECONDS = (15, 60)
"""A released message is hidden for a random time between these. With 0 it would be received again at once."""

MAX_RELEASE_FACTOR = 60
"""The most by which that time grows for a message that was received often: an hour, so that 14 days use some
700 of its 1,000 receives."""

HALF_A_CHARACTER = "JSON in UTF-8 can't hold it: it may have half a character"


@dataclass(slots=True)
class PollResult:
    """Counts of one poll's messages, by what happened to them. Each message counts once.

    left          -- messages that come again when their lease ends: an answer was lost, or our next call was
                     refused.
    stop          -- why the queue's turn in this tick should end, or None.
    pause_seconds -- how long to wait before the next poll.
    """

    dispatched: int = 0
    released: int = 0
    dead_lettered: int = 0
    left: int = 0
    stop: str | None = None
    pause_seconds: float = 0.0


class Dispatcher:
    """Dispatches deliveries of one queue. Each tick makes one, as it holds the patience of the queue's turn.

    batch_size -- most deliveries of a batch from a standard queue.
    limit      -- the limit of events, which is kept from tick to tick.
    tracing    -- whether a worker is invoked with the trace of its messages' sender.
    """

    def __init__(
        self,
        queue: Queue,
        dead_letters: Queue,
        workers: Workers,
        clock: Clock,
        random: Random,
        batch_size: int = 1,
        *,
        limit: EventLimit | None = None,
        tracing: bool = False,
    ) -> None:
        self._queue = queue
        self._dead_letters = dead_letters
        self._workers = workers
        self._clock = clock
        self._random = random
        self._batch_size = batch_size
        self._limit = limit or EventLimit()
        self._tracing = tracing
        self._patience = Patience("invokes")

    async def dispatch(self, received: Sequence[Delivery]) -> PollResult:
        """Dispatches every batch that is in time and fits, and acts on the answers."""
        begun = self._patience.begin()
        answered = await self._dispatch(self._dispatches_of(received))
        meanings = {meaning for _, meaning in answered}
        result = PollResult(
            stop=self._patience.ended(meanings, begun),
            pause_seconds=self._patience.pause_seconds(meanings, self._random),
        )
        now = self._clock.now()
        not_over: list[tuple[Dispatch, Meaning | None]] = []  # the others are their workers' by now
        for dispatch, meaning in answered:
            if meaning is Meaning.SENT:
                result.dispatched += len(dispatch.batch.deliveries)
            if meaning is not Meaning.SENT or dispatch.rest:
                not_over.append((dispatch, meaning))
        for dispatch, meaning in not_over:
            # Before the rest is released: the group may go on only after the dead letter.
            for delivery, reason in _given_up(dispatch, meaning, now):
                ports = self._queue, self._dead_letters, self._clock, self._random
                result.dead_lettered += await give_up(delivery, reason, *ports)
        result.released = await self._release_all(not_over, now)
        result.left = len(received) - result.dispatched - result.released - result.dead_lettered
        return result

    def _dispatches_of(self, received: Sequence[Delivery]) -> list[Dispatch]:
        made = dispatches_of(received, self._batch_size, self._limit.bytes)
        return with_traces(made) if self._tracing else made

    async def _dispatch(self, dispatches: Sequence[Dispatch]) -> list[tuple[Dispatch, Meaning | None]]:
        """Returns what the answers meant. Dispatches that were too large are sent again smaller first."""
        answered: list[tuple[Dispatch, Meaning | None]] = []
        while dispatches:
            smaller: list[Dispatch] = []
            for dispatch, meaning in await self._send(dispatches):
                again = self._smaller(dispatch) if meaning is Meaning.TOO_LARGE else []
                smaller += again
                if not again:
                    answered.append((dispatch, meaning))
            dispatches = smaller
        return answered

    def _smaller(self, dispatch: Dispatch) -> list[Dispatch]:
        """Returns smaller dispatches in place of one that is too large; none if it can't be smaller."""
        if dispatch.event is None:
            return []
        self._limit.refused(len(dispatch.event))
        again = self._dispatches_of((*dispatch.batch.deliveries, *dispatch.rest))
        first = again[0].event
        return again if first is not None and len(first) < len(dispatch.event) else []

    async def _send(self, dispatches: Sequence[Dispatch]) -> list[tuple[Dispatch, Meaning | None]]:
        """Returns what the answers meant; None for one that was not sent, as it is late, worn, or can't be
        written."""
        now = self._clock.now()  # after the batches were made: to compress them may take long
        answered: list[tuple[Dispatch, Meaning | None]] = []
        sending: list[tuple[Dispatch, bytes]] = []
        for dispatch in dispatches:
            event = dispatch.event
            if not dispatch.writable:
                message_id = dispatch.batch.deliveries[0].message_id
                log.write(logging.ERROR, "not dispatched", message_id=message_id, reason=HALF_A_CHARACTER)
            if _is_late(dispatch, now) or not dispatch.writable or dispatch.worn:
                answered.append((dispatch, None))
            elif event is None:
                answered.append((dispatch, Meaning.TOO_LARGE))
            else:
                sending.append((dispatch, event))
        answers = await self._workers.dispatch([event for _, event in sending]) if sending else []
        for (dispatch, _), answer in zip(sending, answers, strict=True):
            answered.append((dispatch, answer.meaning))
            if answer.meaning is not Meaning.SENT:
                log.write(logging.WARNING, f"dispatch {answer.meaning.value}", detail=answer.detail)
        return answered

    async def _release_all(self, answered: Sequence[tuple[Dispatch, Meaning | None]], now: float) -> int:
        """Releases the messages that no worker has. Returns for how many it worked."""
        together: dict[int, list[Delivery]] = {1: []}
        groups: list[Sequence[Delivery]] = []
        for dispatch, meaning in answered:
            no_worker = _to_release(dispatch, meaning)
            to_release = [delivery for delivery in no_worker if not is_near_its_end(delivery, now)]
            if dispatch.batch.ordered:
                groups.append(to_release)
            else:
                for delivery in to_release:
                    together.setdefault(_release_factor(delivery), []).append(delivery)
        released = await asyncio.gather(*(self._release(each) for each in (*together.values(), *groups)))
        return sum(released)

    async def _release(self, deliveries: Sequence[Delivery]) -> int:
        """Hides the messages, the longer the more receives the first one had. Returns for how many it worked.

        The others become visible when their lease ends.
        """
        if not deliveries:
            return 0
        try:
            seconds = release_seconds(deliveries[0], self._random)
            failed = await self._queue.change_visibility(deliveries, seconds)
        except QueueError as error:
            log.write(logging.WARNING, "not released", reason=str(error))
            return 0
        return len(deliveries) - len(failed)


def _given_up(dispatch: Dispatch, meaning: Meaning | None, now: float) -> Iterator[tuple[Delivery, str]]:
    """Returns the deliveries of a dispatch that become dead letters after that answer, and why."""
    if _is_dead(dispatch, meaning):
        (delivery,) = dispatch.batch.deliveries
        yield delivery, worn(delivery) if dispatch.worn else TOO_LARGE
    for delivery in _to_release(dispatch, meaning):
        if is_near_its_end(delivery, now):
            yield delivery, old(delivery)


def release_seconds(delivery: Delivery, random: Random) -> int:
    """Returns for how long a message that is left to another worker is hidden."""
    return random.randint(*RELEASE_SECONDS) * _release_factor(delivery)


def _release_factor(delivery: Delivery) -> int:
    """Returns by how much longer a message is hidden that was received often."""
    return max(1, min(delivery.receive_count // 4, MAX_RELEASE_FACTOR))


def _is_late(dispatch: Dispatch, now: float) -> bool:
    lease = dispatch.batch.lease
    return lease is not None and now > min(lease.dispatch_by, lease.start_by)


def _is_dead(dispatch: Dispatch, meaning: Meaning | None) -> bool:
    """Returns whether the batch is one delivery that no dispatch can carry, or that is worn."""
    return dispatch.worn or (meaning is Meaning.TOO_LARGE and len(dispatch.batch.deliveries) == 1)


def _to_release(dispatch: Dispatch, meaning: Meaning | None) -> Sequence[Delivery]:
    """Returns the deliveries of a dispatch that no worker has after that answer, without dead ones."""
    if meaning in (Meaning.SENT, Meaning.AMBIGUOUS) or _is_dead(dispatch, meaning):
        return dispatch.rest
    return (*dispatch.batch.deliveries, *dispatch.rest)
