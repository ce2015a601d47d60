"""What a poll brought, made into runs, and the answers to their dispatches, broken."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.broken.queues import NeverRefusing
from tests.mutants.mutation import Part

from shared.delivery import Delivery
from shared.ports.workers import Reply

PART = Part("Dispatches")
breaks, sets = PART.breaks, PART.sets


@breaks("each message of a group is a run of its own", "H25 H27", "consumer.batches:dispatches_of")
def _(original, batch, most):
    ordered = [delivery for delivery in batch if delivery.from_fifo]
    others = [delivery for delivery in batch if not delivery.from_fifo]
    return [run for one in ordered for run in original([one], most)] + original(others, most)


@breaks("what does not fit a group's run is another run", "H25 H27", "consumer.batches:dispatches_of")
def _(original, batch, most):
    dispatches = original(batch, most)
    for dispatch in dispatches:  # of those, too, that come to it here
        if dispatch.tail:
            dispatches += original(dispatch.tail, most)
    return [dispatch._replace(tail=()) for dispatch in dispatches]


class _AsOfAStandardQueue(Delivery):
    from_fifo = False


@breaks(
    "a FIFO queue's messages are dispatched as a standard queue's",
    "H25 H27",
    "consumer.batches:dispatches_of",
)
def _(original, batch, most):
    return original([_AsOfAStandardQueue(*delivery) for delivery in batch], most)


class _OfNoGroup(Delivery):
    group = None


@breaks("all groups of a poll are one run", "H28", "consumer.batches:dispatches_of")
def _(original, batch, most):
    return original([_OfNoGroup(*delivery) for delivery in batch], most)


@breaks("a run turns the order received round", "H25", "consumer.batches:dispatches_of")
def _(original, batch, most):
    return original(batch[::-1], most)


@breaks("the tail of a run is forgotten", "H26", "consumer.batches:dispatches_of")
def _(original, batch, most):
    return [dispatch._replace(tail=()) for dispatch in original(batch, most)]


@breaks("a run is dispatched however late it is", "H5 H43", "consumer.dispatch:_is_late")
def _(original, dispatch, now):
    return False


@breaks("what came late is kept until its lease ends", "H43", "consumer.dispatch:_let_go")
def _(original, dispatch, reply):
    return dispatch.tail if reply is None else original(dispatch, reply)


sets("what is released is visible at once", "H2", "consumer.dispatch:RELEASE_SECONDS", (0, 0))


@breaks("what may have arrived is released", "H3", "consumer.dispatch:_let_go")
def _(original, dispatch, reply):
    return original(dispatch, Reply.REFUSED if reply is Reply.UNKNOWN else reply)


@breaks("what may have arrived is sent again", "H3", "consumer.dispatch:Dispatcher._dispatch")
async def _(original, self, dispatches):
    answered = await original(self, dispatches)
    unknown = [dispatch for dispatch, reply in answered if reply is Reply.UNKNOWN]
    known = [(dispatch, reply) for dispatch, reply in answered if reply is not Reply.UNKNOWN]
    return known + await original(self, unknown)


@breaks("a tick goes on after an invoke was refused", "H2 H20", "consumer.dispatch:Dispatcher._stop")
def _(original, self, replies):
    return original(self, set(replies) - {Reply.REFUSED})


sets("a tick never loses its patience", "H2", "consumer.dispatch:PATIENCE", 1_000_000)


@breaks(
    "a group is released one by one, until different times",
    "H25 H26",
    "consumer.dispatch:Dispatcher._release",
)
async def _(original, self, deliveries):
    if not any(delivery.from_fifo for delivery in deliveries):
        return await original(self, deliveries)
    return sum([await original(self, [delivery]) for delivery in deliveries])


@breaks(
    "the tail of a run is released before its head is dispatched",
    "H25 H27",
    "consumer.dispatch:Dispatcher._dispatch",
)
async def _(original, self, dispatches):
    for dispatch in dispatches:
        await self._release(dispatch.tail)
    return await original(self, dispatches)


@breaks(
    "the tail is released before the head is a dead letter",
    "H27",
    "consumer.dispatch:Dispatcher._dispatch",
)
async def _(original, self, dispatches):
    answered = await original(self, dispatches)
    for dispatch, reply in answered:
        if reply is Reply.TOO_LARGE:
            await self._release(dispatch.tail)
    return answered


@breaks("nobody looks which releases were refused", "H4", "consumer.dispatch:Dispatcher._release")
async def _(original, self, deliveries):
    return await original(replace(self, queue=NeverRefusing(self.queue)), deliveries)


sets("a release that fails kills the consumer", "H4", "consumer.dispatch:QueueError", ZeroDivisionError)


@breaks("what is too large is released for ever", "H15", "consumer.dispatch:_is_dead")
def _(original, dispatch, reply):
    return False
