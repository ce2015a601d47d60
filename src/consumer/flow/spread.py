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
minute, which the process keeps from tick to tick, as it does how far each queue is. A new process does not
know what the one before has received. For a minute it asks for the count once, and adds what it has received
since: so only the other one's part is unknown, which is no more than the cap. As in a run of one queue, a
tenth of the cap may be received each minute whatever is in flight.

The kept part does not close the other queues (`consumer.flow.parts`). If their own messages in flight use up
what they always have, as retries do that wait, they have such a part of the tenth.

A tick that starts other consumers (`consumer.others`) gives each a part of what the count leaves. They count
nothing, and spread their parts in the same way. For the minute the parts are taken off the cap of the tick's
own process: off its pace and its last minute as a whole, and next to the count as far as they may still be
received. A started consumer begins two seconds late and is a thirtieth slower, so that one after the other
receives no more in any minute than the larger of their parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from consumer.flow.cap import InFlightCap
from consumer.flow.counts import Counts
from consumer.flow.flow import NOTHING, Share
from consumer.flow.lately import AT_ONCE_PART, COUNT_LATE_SECONDS, Lately
from consumer.flow.parts import Parts
from consumer.order import TURN_SECONDS, Order
from shared.ports.clock import Clock
from shared.ports.queue import MAX_PER_CALL, Queue

MIN_AT_ONCE = 5

SPARE_PART = 2
"""The part of that which a poll leaves if the pace and what is in flight do not hold the consumer back."""

COUNT_AGAIN_SECONDS = 3.0
"""Time until SQS's count is asked for again, while it leaves few messages."""

ASKS_AGAIN_SECONDS = 1.5
"""Time since a queue has asked for a place for which others wait for it. An empty queue asks each second, and
once more a quarter of a second later. After that they go on: the queue may hang."""

FEW = 0.2
"""The part of what a queue may have that is few."""


def polls_wait(limit: int, queues: int) -> bool:
    """Returns whether polls of so many queues may wait for messages. Each reserves up to ten of the places
    that come at once: of a small cap that would be all, and a queue with messages would have none."""
    return limit // AT_ONCE_PART >= MAX_PER_CALL * queues


class SpreadCap(InFlightCap):
    """Limits the messages that one tick may receive from several queues. It never ends the tick.

    lately       -- the memory of the process.
    order        -- of the queues.
    keep_percent -- the kept part of the cap.
    counts       -- whether SQS is asked for its counts; a started consumer has a part of what they left.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        limit: int,
        weights: Sequence[int],
        clock: Clock,
        lately: Lately,
        order: Order,
        keep_percent: int = 0,
        *,
        counts: bool = True,
    ) -> None:
        super().__init__(queues, limit)
        self._order = order
        self._weights = weights
        self._clock = clock
        self._lately = lately
        self._slower = 0.0 if counts else 1 / AT_ONCE_PART
        self._at_once = max(MIN_AT_ONCE if counts else 1, limit // AT_ONCE_PART)
        self._parts = Parts(weights, keep_percent)
        kept = round(self._at_once * self._parts.keep + 0.5) if keep_percent else 0
        self._kept_at_once = min(kept, self._at_once - 1)
        self._asked_at: dict[int, float] = {}
        self._waiting: set[int] = set()  # those of them that have got no place yet
        self._asks_sqs = counts
        self._counts = Counts(self._in_flight, self._stand_ins, clock, len(queues))
        if not counts:
            lately.take(clock.now(), 2 * self._at_once, self._a_second, self._at_once)

    async def may_receive(self, number: int = 0) -> Share:
        self._asks(number)
        if self._counts_are_due(number):
            await self._counts.renew(self._asked)
        free = self._free(number)
        paced = self._lately.paced(self._clock.now(), self._a_second, self._at_once)
        kept = self._kept_at_once if number in self._parts.lesser else 0
        most = min(MAX_PER_CALL, free, paced - kept)
        slow = min(free, paced) - most < self._at_once / SPARE_PART
        if most < self._least(number):
            return NOTHING._replace(slow=slow)
        before = self._before(number)
        if any(self._is_waited_for(each, number) for each in before):
            return NOTHING._replace(slow=slow, again_seconds=TURN_SECONDS)
        self._waiting.discard(number)
        self._order.overtakes(number, before)
        self._reserve(number, most)
        return Share(most, slow=slow)

    def received(self, share: Share, came: int, number: int = 0) -> None:
        if share.most == 0:  # it says nothing about the queue: there was no poll
            return
        self._reserve(number, came - share.most)
        self._asked[number] -= came
        if came:
            self._lately.note(self._clock.now(), number, came)
        elif not self._asked[number]:
            self._asked_at.pop(number, None)

    @property
    def left(self) -> float:
        if not self._counts.are_there:
            return 0
        return max(0, self.limit - sum(self._counts.at_most()) - self._lately.to_come(self._clock.now()))

    def move(self, messages: int) -> None:
        self._lately.move(self._clock.now(), messages)

    @property
    def over(self) -> str | None:
        return None

    async def end(self) -> None:
        await self._counts.end()

    @property
    def _mine_in_a_minute(self) -> int:
        """Returns how many messages this process may receive in a minute."""
        return self.limit - self._lately.moved(self._clock.now())

    @property
    def _a_second(self) -> float:
        return self._mine_in_a_minute * (1 - self._slower) / COUNT_LATE_SECONDS

    def _counts_are_due(self, number: int) -> bool:
        """Returns whether the counts are old, and leave little. A process asks once in its first minute."""
        now = self._clock.now()
        if not self._counts.are_there:
            return self._asks_sqs
        is_old = now >= self._counts.asked_at + COUNT_AGAIN_SECONDS and self._lately.is_all(now)
        return is_old and self._has_few(number)

    def _has_few(self, number: int) -> bool:
        """Returns whether the counts leave little of what the queue may have. What polls that are under way
        have asked for may come back: polls of empty queues are no reason to count."""
        limit = self.limit - self._lately.to_come(self._clock.now())
        all_free = self._parts.left(limit, [0 for _ in self._queues], number)
        in_flight = [most - asked for most, asked in zip(self._counts.at_most(), self._asked, strict=True)]
        return self._parts.left(limit, in_flight, number) < FEW * all_free

    def _uncounted(self, number: int) -> int:
        """Returns what stands for the queue's count: what came from it in the last minute, at most its part
        by weight. So one that may not be polled either takes nothing from the others."""
        came = self._lately.came(self._clock.now(), len(self._queues))[number]
        return min(came, self.limit * self._weights[number] // sum(self._weights))

    def _stand_ins(self) -> list[int]:
        return [self._uncounted(number) for number in range(len(self._queues))]

    def _in_a_minute(self) -> list[int]:
        came = self._lately.came(self._clock.now(), len(self._queues))
        return [one + asked for one, asked in zip(came, self._asked, strict=True)]

    def _free(self, number: int) -> int:
        """Returns how many messages the queue may receive, by the counts and by the last minute."""
        in_a_minute, parts = self._in_a_minute(), self._parts
        small = self._small_polls - sum(in_a_minute)
        if parts.keep and number in parts.lesser:
            small = max(small, self._small_polls_of_lesser - parts.used_by_lesser(in_a_minute))
        limit = self.limit - self._lately.to_come(self._clock.now())
        by_counts = max(parts.left(limit, self._counts.at_most(), number), small)
        return min(by_counts, parts.left(self._mine_in_a_minute, in_a_minute, number))

    @property
    def _small_polls_of_lesser(self) -> int:
        """Returns the part of the small polls that the others do not use up: a poll at least."""
        return max(*map(self._least, self._parts.lesser), int(self._parts.of_lesser(self._small_polls)))

    def _least(self, number: int) -> int:
        """Returns how few messages a poll asks for. Polls of single messages would cost as much as ten times
        more; a queue of the largest weight does not wait for more. It is no more than the part that the
        lesser ones always have: a poll that asked for more would never come."""
        if number not in self._parts.lesser:
            return 1
        at_once = int(self._at_once * (1 - self._parts.keep) / 2)
        part = int(self._parts.of_lesser(self._mine_in_a_minute))
        return max(1, min(MAX_PER_CALL, int(self._a_second), at_once, part))

    def _asks(self, number: int) -> None:
        """Notes that the queue asks for a place. One that did not lately joins those that do."""
        asking = self._asking()
        if number not in asking:
            self._order.joins(number, asking)
        self._asked_at[number] = self._clock.now()
        self._waiting.add(number)

    def _asking(self) -> list[int]:
        """Returns the queues that have asked lately, and had messages at their last poll or wait for one."""
        since = self._clock.now() - ASKS_AGAIN_SECONDS
        return [each for each, at in self._asked_at.items() if at > since]

    def _before(self, number: int) -> list[int]:
        """Returns the queues that ask for a place as well, and are farther behind their parts. One that could
        not use it is none: the kept part is closed to it, and the rest is less than its poll asks for."""
        free, before = self._free(number), self._order.behind(number, self._asking())
        return [each for each in before if min(self._least(each), free) <= self._free(each)]

    def _is_waited_for(self, other: int, number: int) -> bool:
        """Returns whether the queue waits for the other one, which waits for a place as well, or gets on."""
        return other in self._waiting or self._order.gets_on(other, number, self._clock.now())

    def _reserve(self, number: int, messages: int) -> None:
        """Reserves so many messages. A negative number gives them back."""
        self._asked[number] += messages
        self._counts.take(number, messages)
        self._lately.take(self._clock.now(), messages, self._a_second, self._at_once)
