"""The in-flight cap of several queues: spread over the minute, so that no queue waits for the next tick.

A tick of one queue takes what the cap leaves at once, and ends. With several queues, a message of one would
wait for the next tick whenever another one has used the cap up. So the tick goes on, by these rules:

| rule | what for |
|---|---|
| a thirtieth of the cap at once, then a sixtieth of it a second | something is left for what comes later |
| in any 60 s the cap at most | SQS's count is up to a minute late: it may miss all of that |
| the cap less SQS's count, which is asked for again every 3 s | what is settled makes place for more |
| the queues of less than the largest weight leave the kept part free | an urgent message starts at once |
| of queues that wait for a place, the one that is farthest behind its weight is next | the weights |

So at most twice the cap is received and not settled: what the count says, which leaves place for no more than
the rest of the cap, and what it may miss, which is no more than the cap. This needs a memory of the last
minute, which the process keeps from tick to tick. A new process does not know what the one before has
received. For a minute it asks for the count once, and adds what it has received since: so only the other
one's part is unknown, which is no more than the cap. As in a run of one queue, a tenth of the cap may be
received each minute whatever is in flight.

The kept part does not close the other queues: they always have their part by weight of what is not kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from math import inf

from consumer.flow.cap import InFlightCap
from consumer.flow.flow import NOTHING, Share
from shared.ports.clock import Clock
from shared.ports.queue import MAX_PER_CALL, Queue

COUNT_LATE_SECONDS = 60.0
"""Most age of SQS's count
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html)."""

AT_ONCE_PART = 30
"""The part of the cap that may be received at once: what the pace allows in two seconds."""

MIN_AT_ONCE = 5

COUNT_AGAIN_SECONDS = 3.0
"""Time until SQS's count is asked for again, while it leaves few messages."""

FEW = 0.2
"""The part of the cap that is few."""

ASKS_AGAIN_SECONDS = 1.5
"""Time since a queue has asked for a place for which others wait for it. An empty queue asks each second, and
once more a quarter of a second later. After that they go on: the queue may hang."""


class Lately:
    """What one process of the consumer has received in the last minute, and how far it is with its pace."""

    def __init__(self) -> None:
        self._received: deque[tuple[float, int, int]] = deque()
        self._began = inf
        self._none_at = -inf  # when nothing of the pace would have been left

    def begin(self, now: float) -> None:
        """Notes that a tick begins."""
        self._began = min(self._began, now)

    def is_all(self, now: float) -> bool:
        """Returns whether no other process can have received something in the last minute."""
        return self.known(now) == COUNT_LATE_SECONDS

    def known(self, now: float) -> float:
        """Returns how many seconds of the last minute are known."""
        return max(0.0, min(now - self._began, COUNT_LATE_SECONDS))

    def note(self, now: float, number: int, came: int) -> None:
        """Notes that so many messages came from the queue of that number."""
        self._received.append((now, number, came))

    def came(self, now: float, queues: int) -> list[int]:
        """Returns how many messages came in the last minute, from each of so many queues."""
        while self._received and self._received[0][0] <= now - COUNT_LATE_SECONDS:
            self._received.popleft()
        counts = [0] * queues
        for _, number, came in self._received:
            counts[number] += came
        return counts

    def paced(self, now: float, a_second: float, at_once: int) -> int:
        """Returns how many messages the pace allows now."""
        return int(min(at_once, (now - self._none_at) * a_second) + 1e-9)

    def take(self, now: float, number: int, a_second: float, at_once: int) -> None:
        """Takes so many off the pace. A negative number gives them back."""
        self._none_at = max(self._none_at, now - at_once / a_second) + number / a_second


class SpreadCap(InFlightCap):
    """Limits the messages that one tick may receive from several queues. It never ends the tick.

    lately       -- the memory of the process.
    keep_percent -- the kept part of the cap.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        limit: int,
        weights: Sequence[int],
        clock: Clock,
        lately: Lately,
        keep_percent: int = 0,
    ) -> None:
        super().__init__(queues, limit, weights)
        self._clock = clock
        self._lately = lately
        self._a_second = limit / COUNT_LATE_SECONDS
        self._at_once = max(MIN_AT_ONCE, limit // AT_ONCE_PART)
        self._lesser = [number for number, each in enumerate(weights) if each < max(weights)]
        self._keep = keep_percent / 100
        part = sum(weights[number] for number in self._lesser) / sum(weights)
        self._part_of_lesser = limit * part * (1 - self._keep)
        self._wanting: set[int] = set()
        self._counts: list[int] | None = None
        self._counted_at = -inf
        self._since = [0 for _ in weights]  # what was asked for, and came, since the counts were asked for
        self._passes = [0.0 for _ in weights]
        self._asked_at = [-inf for _ in weights]
        lately.begin(clock.now())

    async def may_receive(self, number: int = 0) -> Share:
        if number not in self._wanting:  # neither credit nor debt for the time before it had messages
            others = (self._passes[each] for each in self._wanting)
            self._passes[number] = min(others, default=self._passes[number])
            self._wanting.add(number)
        self._asked_at[number] = self._clock.now()
        async with self._counting:
            await self._count_again()
        left = min(MAX_PER_CALL, self._room(number), self._pace(number))
        if left < self._least(number) or self._waits_for_another(number):
            return NOTHING
        self._reserve(number, left)
        return Share(left)

    def received(self, share: Share, came: int, number: int = 0) -> None:
        self._reserve(number, came - share.most)
        self._asked[number] -= came
        if came:
            self._lately.note(self._clock.now(), number, came)
            self._passes[number] += came / self._weights[number]
        elif not self._asked[number]:
            self._wanting.discard(number)

    @property
    def over(self) -> str | None:
        return None

    async def _count_again(self) -> None:
        """Asks for the counts, unless they are new enough, or it is the process's first minute."""
        now = self._clock.now()
        if self._counts is not None and (
            now < self._counted_at + COUNT_AGAIN_SECONDS
            or sum(self._in_flight_at_most()) <= (1 - FEW) * self._limit
            or not self._lately.is_all(now)
        ):
            return
        self._counted_at, self._since = now, list(self._asked)
        self._counts = await asyncio.gather(*map(self._count, range(len(self._queues))))

    def _in_flight_at_most(self) -> list[int]:
        """Returns how many messages of each queue are in flight, if the counts were in time."""
        return [count + more for count, more in zip(self._counts or self._since, self._since, strict=True)]

    def _in_a_minute(self) -> list[int]:
        came = self._lately.came(self._clock.now(), len(self._queues))
        return [one + asked for one, asked in zip(came, self._asked, strict=True)]

    def _room(self, number: int) -> int:
        """Returns how many messages the queue may receive, by the counts and by the last minute."""
        lately = self._in_a_minute()
        small = self._small_polls - sum(lately)
        return min(
            max(self._left_of(self._in_flight_at_most(), number), small), self._left_of(lately, number)
        )

    def _left_of(self, used: Sequence[int], number: int) -> int:
        """Returns what these messages leave the queue of the cap."""
        left = self._limit - sum(used)
        if number not in self._lesser:
            return left
        kept = left - int(self._limit * self._keep)
        return min(left, max(kept, int(self._part_of_lesser) - sum(used[each] for each in self._lesser)))

    def _pace(self, number: int) -> int:
        """Returns how many messages the queue may receive by the pace."""
        kept = min(round(self._at_once * self._keep + 0.5), self._at_once - 1) if self._keep else 0
        paced = self._lately.paced(self._clock.now(), self._a_second, self._at_once)
        return paced - kept if number in self._lesser else paced

    def _least(self, number: int) -> int:
        """Returns how few messages a poll asks for. Polls of single messages would cost as much as ten times
        more; a queue of the largest weight does not wait for more."""
        if number not in self._lesser:
            return 1
        return max(1, min(MAX_PER_CALL, int(self._a_second), int(self._at_once * (1 - self._keep) / 2)))

    def _waits_for_another(self, number: int) -> bool:
        """Returns whether a queue that is farther behind its weight waits for the pace as well.

        A queue of the largest weight does not wait for those that have had their part of what is not kept.
        """
        now, lately = self._clock.now(), self._in_a_minute()
        part = self._part_of_lesser * self._lately.known(now) / COUNT_LATE_SECONDS
        had = number not in self._lesser and sum(lately[each] for each in self._lesser) >= part
        return any(
            self._passes[each] < self._passes[number] and self._room(each) > 0
            for each in self._wanting
            if not self._asked[each]
            and self._asked_at[each] > now - ASKS_AGAIN_SECONDS
            and not (had and each in self._lesser)
        )

    def _reserve(self, number: int, messages: int) -> None:
        """Reserves so many messages. A negative number gives them back."""
        self._asked[number] += messages
        self._since[number] += messages
        self._lately.take(self._clock.now(), messages, self._a_second, self._at_once)
