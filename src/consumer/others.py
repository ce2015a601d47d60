"""More consumers: a scheduled tick that has more to do than it can starts others.

Each other has a number, a part of the tick's cap, a time by which it must have started, and a time at which
its last poll ends. A consumer of a number runs only once it has claimed the number in the table, until that
time. So no two of a number run at once, whatever fires twice, overlaps or comes late. The part of an event
that Lambda doubles is used once: its twin owns the number until long after the event is too late.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from math import ceil, inf, isfinite
from random import Random
from typing import Any, NamedTuple

from consumer.consumer import CONSUMER
from consumer.flow.cap import InFlightCap
from consumer.source import Source
from consumer.summary import Summary
from shared import log
from shared.ports.clock import Clock
from shared.ports.queue import Queue, QueueError
from shared.ports.records import Busy, Owned, Records, RecordsError, record_key
from shared.ports.workers import Answer, Meaning, Workers

LOOK_SECONDS = 5.0
"""Time for which a tick polls until it looks at the backlog. By then it knows how fast it is."""

WINDOW_SECONDS = 65.0
"""Time from the begin of a scheduled tick to the last poll of those that it starts: the next scheduled tick,
a minute later, looks at that time. It is less than the tick's own time."""

START_SECONDS = 20.0
"""Time in which a started consumer must begin. It includes the wait for the one of its number that ends."""

MIN_SECONDS = 30.0
"""Least time for which others are started. It is longer than START_SECONDS, so that an event's twin can't
begin in time after the first one has ended."""

_ONCE_MORE_SECONDS = 0.05


class Part(NamedTuple):
    """The part of a started consumer: its event.

    number   -- its number, from 2; the scheduled tick is 1.
    share    -- most messages that it receives; 0 = no cap.
    start_by -- the time by which it must have begun, in epoch seconds.
    until    -- the time at which its last poll ends, in epoch seconds.
    """

    number: int
    share: int
    start_by: float
    until: float

    def event(self) -> bytes:
        said = {CONSUMER: self.number, "Share": self.share, "StartBy": self.start_by, "Until": self.until}
        return json.dumps(said).encode()


def part_in(event: Mapping[str, Any], most: int, in_flight_cap: int) -> Part | None:
    """Returns the part that the event has, or None if it may not run. Raises ValueError for a bad one.

    most, in_flight_cap -- the parameters MaxConsumers and InFlightCap of now. They may have been lowered.
    """
    number: Any = event.get(CONSUMER)
    share: Any = event.get("Share")
    start_by: Any = event.get("StartBy")
    until: Any = event.get("Until")
    if not (_is_whole(number, 2) and _is_whole(share, 0) and _is_time(start_by) and _is_time(until)):
        raise ValueError(
            f"the event of a started consumer has {CONSUMER} from 2, Share from 0, and StartBy and Until in"
            " epoch seconds"
        )
    if number > most or (in_flight_cap and not share):
        return None
    return Part(number, min(share, in_flight_cap) if in_flight_cap else share, start_by, until)


def _is_whole(number: Any, least: int) -> bool:
    return type(number) is int and number >= least


def _is_time(time: Any) -> bool:
    return type(time) in (int, float) and isfinite(time)


class Others:
    """Starts other consumers, and claims the number of a started one.

    consumers -- invokes the consumer's own function.
    most      -- most consumers at a time, the scheduled tick's included.
    """

    def __init__(
        self, consumers: Workers, records: Records, clock: Clock, random: Random, *, most: int
    ) -> None:
        self._consumers = consumers
        self._records = records
        self._clock = clock
        self._random = random
        self._most = most

    def may_start(self, event: object) -> bool:
        """Returns whether EventBridge's schedule sent the event: no other tick starts consumers
        (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html)."""
        return isinstance(event, dict) and event.get("source") == "aws.events"

    async def claimed(self, event: Mapping[str, Any], in_flight_cap: int) -> Part | None:
        """Returns the part of this consumer, which another one started, or None if it may not run.

        Waits for the one of its number if that soon ends. Raises ValueError for a bad event.
        """
        if (part := part_in(event, self._most, in_flight_cap)) is None:
            return None
        key = record_key("consumer", str(part.number))
        owner = f"{self._random.getrandbits(64):016x}"  # an event's twin has the same request id
        while (now := self._clock.now()) <= part.start_by:
            try:
                claimed = await self._records.own(key, owner, now, part.until)
            except RecordsError as error:
                log.write(logging.WARNING, "consumer not started", reason=error.reason)
                return None
            if isinstance(claimed, Owned):
                return part
            if not isinstance(claimed, Busy) or claimed.until > part.start_by:
                return None
            await self._clock.sleep(claimed.until - now + _ONCE_MORE_SECONDS)
        return None

    async def while_running(
        self,
        tick: Coroutine[Any, Any, Summary],
        sources: Sequence[Source],
        queues: Sequence[Queue],
        cap: InFlightCap,
    ) -> Summary:
        """Runs the tick, and starts others once it is behind.

        sources, queues -- of the tick, in the same order.
        cap             -- its cap, of which each of the others gets a part.
        """
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(sources, queues, cap, ended))
            try:
                return await tick
            finally:
                ended.set()

    async def _watch(
        self, sources: Sequence[Source], queues: Sequence[Queue], cap: InFlightCap, ended: asyncio.Event
    ) -> None:
        """Looks from time to time whether the tick is behind. Asks for the backlog once, since the next tick
        comes soon: a tick that is not behind enough has no others."""
        began = looked = self._clock.now()
        before = [0 for _ in sources]
        while not await _has_ended(ended, LOOK_SECONDS):
            now = self._clock.now()
            seconds = began + WINDOW_SECONDS - now
            if seconds < MIN_SECONDS:
                return
            full = [number for number, source in enumerate(sources) if source.is_behind]
            dispatched = sum(sources[number].turn.dispatched - before[number] for number in full)
            if dispatched:
                moves = seconds * dispatched / (now - looked)
                waiting = await _waiting([queues[number] for number in full])
                wanted = min(ceil(min(waiting, cap.left) / moves), self._most)
                await self._invoke(wanted - 1, cap, now, now + seconds)
                return
            before, looked = [source.turn.dispatched for source in sources], now

    async def _invoke(self, others: int, cap: InFlightCap, now: float, until: float) -> None:
        """Invokes so many others, each with its part of what the cap has left."""
        if others < 1 or cap.left < others + 1:
            return
        share = 0 if cap.left == inf else int(cap.left) // (others + 1)
        cap.move(share * others)
        parts = [Part(number, share, now + START_SECONDS, until) for number in range(2, others + 2)]
        answers = await self._consumers.dispatch([part.event() for part in parts])
        failed = [answer for answer in answers if not _may_have_started(answer)]
        cap.move(-share * len(failed))
        log.write(logging.INFO, "consumers started", consumers=others - len(failed), share=share)
        if failed:
            log.write(logging.WARNING, "consumers not started", reason=failed[0].detail)


async def _has_ended(ended: asyncio.Event, seconds: float) -> bool:
    """Waits for so long, or until the tick has ended. Returns whether it has."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ended.wait()
    return ended.is_set()


async def _waiting(queues: Sequence[Queue]) -> int:
    """Returns how many messages may be received; none of a queue that does not say so."""
    return sum(await asyncio.gather(*map(_waiting_in, queues)))


async def _waiting_in(queue: Queue) -> int:
    try:
        return await queue.waiting()
    except QueueError as error:
        log.write(logging.WARNING, "SQS's count of waiting messages is missing", reason=str(error))
        return 0


def _may_have_started(answer: Answer) -> bool:
    return answer.meaning in (Meaning.SENT, Meaning.AMBIGUOUS)
