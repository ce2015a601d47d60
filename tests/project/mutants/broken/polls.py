"""The consumer's polls, and the flow that bounds them, broken."""

from __future__ import annotations

from tests.project.mutants.broken.queues import having
from tests.project.mutants.mutation import Part

from consumer.flow.flow import Share
from consumer.flow.spread import FEW
from consumer.order import Order
from shared.ports.queue import MAX_PER_CALL, QueueError

PART = Part("Polls")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers

sets("one empty poll ends a queue's turn", "H30", "consumer.source:EMPTY_POLLS", 1)
sets("one empty poll ends a turn that has found nothing", "H30", "consumer.source:IDLE_POLLS", 1)


@breaks(
    "a message between two empty polls does not start their count again",
    "H30",
    "consumer.source:Source._note_emptiness",
)
def _(original, self, came, **more):
    if not came:
        original(self, came, **more)


sets("a tick polls until its function's time is over", "H1", "consumer.source:LAST_RECEIVE_SECONDS", 0)
sets("a receive that fails kills the consumer", "H21", "consumer.source:QueueError", ZeroDivisionError)


answers("no poller pauses after a throttle", "H2", "consumer.source:Source._pause")


@breaks("the client sends a receive again whose answer is lost", "H43", "consumer.app:transport_in_a_loop")
def _(original, wanted, *, attempts, **more):
    return original(wanted, attempts=4, **more)


@breaks("what a run received is not taken off its cap", "H68", "consumer.flow.cap:InFlightCap.received")
def _(original, self, asked, came, number=0):
    original(self, asked, 0, number)


sets(
    "where the cap is used up nothing is polled",
    "H45",
    "consumer.flow.cap:InFlightCap._small_polls",
    property(lambda cap: 0),
)


sets(
    "where the cap is used up one poll of ten is all",
    "H45",
    "consumer.flow.cap:InFlightCap._small_polls",
    property(lambda cap: max(1, min(10, cap.limit // 10))),
)


answers(
    "the in-flight cap is ignored",
    "H9 H21 H68",
    "consumer.flow.cap:InFlightCap.may_receive",
    Share(MAX_PER_CALL),
)


@breaks("what a poll asked for stays reserved", "H45", "consumer.flow.cap:InFlightCap.received")
def _(original, self, asked, came, number=0):
    original(self, Share(0), came, number)


@breaks("each poll asks for the cap anew", "H68", "consumer.flow.cap:InFlightCap.may_receive")
async def _(original, self, number=0):
    if not any(self._asked):
        self._left = None
    return await original(self, number)


sets(
    "the first queue that has messages is always next",
    "H116",
    "consumer.order:Order.next",
    lambda self, ready: next(iter(ready), None),
)
answers(
    "a queue's own poller does not wait for the others' parts", "H116", "consumer.tick:Tick._is_ahead", False
)
answers("a queue that had nothing is paid for it later, or pays", "H116", "consumer.order:Order.joins")


@breaks("an idle tick lingers", "H134", "consumer.linger:Linger.until")
def _(original, self, empty_since):
    return max(original(self, empty_since), empty_since + 10)


answers("a tick that lingers overlaps the next one", "H134", "consumer.linger:Linger.is_replaced", False)


@breaks("the next tick does not go on lingering", "H134", "consumer.linger:Lingering.of_tick")
def _(original, self, now):
    self.received_at = float("-inf")
    return original(self, now)


answers(
    "a queue waits for another one however long that one's calls hang",
    "H117",
    "consumer.order:Order.gets_on",
    True,
)


@breaks("a queue that hangs gets all pollers", "H117", "consumer.tick:Tick._next")
def _(original, self):
    bring = [number for number, source in enumerate(self._sources) if source.brings]
    return self._order.next([each for each in bring if not self._sources[each].pause_seconds()] or bring)


answers("a queue that hung is paid for it later", "H261", "consumer.order:Order.overtakes")
sets("a queue waits for one with slow calls", "H263", "consumer.order:GETS_ON_SECONDS", (1.0, 1.0))


@breaks(
    "a queue whose calls are slow is waited for under a cap",
    "H263",
    "consumer.flow.spread:SpreadCap._is_waited_for",
)
def _(original, self, other, number):
    return True


@breaks("a queue that was away is paid for it later", "H261", "consumer.flow.spread:SpreadCap._asks")
def _(original, self, number):
    self._asked_at[number] = self._clock.now()
    self._waiting.add(number)


@breaks("one that was away in a tick is paid for it in the next", "H261", "consumer.tick:Tick._is_ahead")
def _(original, self, number):
    others = self._others(number)
    with having(self._order, overtakes=lambda number, _: Order.overtakes(self._order, number, others)):
        return original(self, number)


@breaks(
    "a queue that dispatches is taken to wait for a place",
    "H263",
    "consumer.flow.spread:SpreadCap._is_waited_for",
)
def _(original, self, other, number):
    return not self._asked[other] or original(self, other, number)


sets("one that waits for another pauses for long", "H266", "consumer.flow.spread:TURN_SECONDS", 0.25)


sets("an empty queue is asked again at once", "H116", "consumer.tick:EMPTY_AGAIN_SECONDS", 0.01)
sets("an empty queue is not asked again in its tick", "H116", "consumer.tick:EMPTY_AGAIN_SECONDS", 90.0)


answers(
    "a queue does not wait for one that is farther behind its weight",
    "H116",
    "consumer.flow.spread:SpreadCap._before",
    [],
)
answers("several queues may use the cap up at once", "H135", "consumer.flow.lately:Lately.paced", 1_000_000)
sets(
    "nothing of the cap is kept",
    "H135",
    "consumer.flow.parts:Parts.left",
    lambda self, limit, used, number: limit - sum(used),
)


sets(
    "waiting retries leave the lesser queues nothing",
    "H241",
    "consumer.flow.spread:SpreadCap._small_polls_of_lesser",
    property(lambda self: 0),
)
answers("polls of empty queues wait under a small cap", "H238", "consumer.consumer:polls_wait", True)


@breaks("whose turn is next is forgotten with the tick", "H238", "consumer.flow.lately:Lately.begin")
def _(original, self, now, *, alone=True):
    self.passes.clear()
    original(self, now, alone=alone)


@breaks("polls of empty queues wait if a cap has places for all", "H262", "consumer.consumer:polls_wait")
def _(original, limit, queues):
    return limit >= MAX_PER_CALL * queues


@breaks("the count is not old while the kept part is free", "H264", "consumer.flow.spread:SpreadCap._has_few")
def _(original, self, number):
    return self.left < FEW * self.limit


@breaks("a poll waits for each count", "H265", "consumer.flow.counts:Counts.renew")
async def _(original, self, asked):
    await original(self, asked)
    await self._asking


@breaks("what came in the last minute is forgotten", "H136", "consumer.flow.lately:Lately.came")
def _(original, self, now, queues):
    return [0] * queues


sets(
    "a queue for which a part is kept waits for the others",
    "H264",
    "consumer.flow.parts:Parts.of_each",
    lambda self: self._weights,
)
sets("a tick waits for its first counts however long", "H265", "consumer.flow.counts:FIRST_SECONDS", 60.0)
answers("a new process takes the count for true", "H136", "consumer.flow.lately:Lately.is_all", True)


@breaks("a count that is missing closes the other queues too", "H117", "consumer.flow.cap:InFlightCap._count")
async def _(original, self, number):
    try:
        return await self._queues[number].in_flight()
    except QueueError:
        return self.limit


answers("an answer is read whatever memory there is", "H70", "consumer.memory:Memory.arriving")


@breaks("polls go out though there is no memory for their answers", "H70", "consumer.memory:Memory.poll")
def _(original, self, queue=""):
    self._expected.clear()
    return original(self, queue)
