"""A poll's messages, made into batches, and the answers to their dispatches, broken."""

from __future__ import annotations

from tests.project.mutants.broken.queues import NeverRefusing, changed, having
from tests.project.mutants.mutation import Part

from shared.delivery import MAX_EVENT_BYTES
from shared.ports.workers import Meaning

PART = Part("Dispatches")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks("the stack's worker works all queues", "H137", "consumer.consumer:Consumer._source")
def _(original, consumer, polled, *rest):
    return original(consumer, polled._replace(workers=None), *rest)


answers("no queue has a worker of its own", "H137", "shared.settings:workers_of_queues", {})


@breaks("the worker has one dead-letter queue for all queues", "H140", "worker.settings:dead_letters_of")
def _(original, url, first, other):
    return first


@breaks("the consumer has one dead-letter queue for all queues", "H140", "consumer.settings:dead_letters_of")
def _(original, url, first, other):
    return first


@breaks("one refused invoke ends the turn of every queue", "H138", "consumer.tick:Tick._poll")
async def _(original, tick, group, number):
    received = await original(tick, group, number)
    if "invokes refused" in tick._sources[number].turn.stopped:
        for source in tick._sources:
            source.turn.stop("invokes refused")
    return received


@breaks("each message of a group is a batch of its own", "H25 H27", "consumer.batches:dispatches_of")
def _(original, received, batch_size, max_bytes=MAX_EVENT_BYTES):
    ordered = [delivery for delivery in received if delivery.from_fifo]
    others = [delivery for delivery in received if not delivery.from_fifo]
    return [one for each in ordered for one in original([each], batch_size, max_bytes)] + original(
        others, batch_size, max_bytes
    )


@breaks("what does not fit a group's batch is another batch", "H25 H27", "consumer.batches:dispatches_of")
def _(original, received, batch_size, max_bytes=MAX_EVENT_BYTES):
    dispatches = original(received, batch_size, max_bytes)
    for dispatch in dispatches:  # of those, too, that come to it here
        if dispatch.rest:
            dispatches += original(dispatch.rest, batch_size, max_bytes)
    return [dispatch._replace(rest=()) for dispatch in dispatches]


@breaks(
    "a FIFO queue's messages are dispatched as a standard queue's",
    "H25 H27",
    "consumer.batches:dispatches_of",
)
def _(original, received, batch_size, max_bytes=MAX_EVENT_BYTES):
    return original([changed(delivery, from_fifo=False) for delivery in received], batch_size, max_bytes)


@breaks("all groups of a poll are one batch", "H28", "consumer.batches:dispatches_of")
def _(original, received, batch_size, max_bytes=MAX_EVENT_BYTES):
    return original([changed(delivery, group=None) for delivery in received], batch_size, max_bytes)


@breaks("a batch turns the order received round", "H25", "consumer.batches:dispatches_of")
def _(original, received, batch_size, max_bytes=MAX_EVENT_BYTES):
    return original(received[::-1], batch_size, max_bytes)


@breaks("the rest of a group is forgotten", "H26", "consumer.batches:dispatches_of")
def _(original, received, batch_size, max_bytes=MAX_EVENT_BYTES):
    return [dispatch._replace(rest=()) for dispatch in original(received, batch_size, max_bytes)]


answers("a batch is dispatched however late it is", "H5 H43", "consumer.dispatch:_is_late", False)


@breaks("what came late is kept until its lease ends", "H43", "consumer.dispatch:_to_release")
def _(original, dispatch, meaning):
    return dispatch.rest if meaning is None else original(dispatch, meaning)


sets("a release is as short after a hundred receives", "H69", "consumer.dispatch:MAX_RELEASE_FACTOR", 1)
sets("what was received too often is left to SQS", "H69", "consumer.batches:WORN_RECEIVES", 1_000_000)
sets("what is released is visible at once", "H2", "consumer.dispatch:RELEASE_SECONDS", (0, 0))


@breaks("what may have arrived is released", "H3", "consumer.dispatch:_to_release")
def _(original, dispatch, meaning):
    return original(dispatch, Meaning.DEFINITE if meaning is Meaning.AMBIGUOUS else meaning)


@breaks("what may have arrived is sent again", "H3", "consumer.dispatch:Dispatcher._dispatch")
async def _(original, self, dispatches):
    answered = await original(self, dispatches)
    unknown = [dispatch for dispatch, meaning in answered if meaning is Meaning.AMBIGUOUS]
    known = [(dispatch, meaning) for dispatch, meaning in answered if meaning is not Meaning.AMBIGUOUS]
    return known + await original(self, unknown)


@breaks("a turn goes on after an invoke was refused", "H2 H20", "consumer.patience:Patience.ended")
def _(original, self, meanings, begun):
    return original(self, set(meanings) - {Meaning.DEFINITE}, begun)


sets("a turn never loses its patience", "H2", "consumer.patience:MAX_IN_A_ROW", 1_000_000)
sets("the first call that fails ends a queue's turn", "H65", "consumer.patience:MAX_IN_A_ROW", 1)


@breaks("of calls that fail together each counts", "H65", "consumer.patience:Patience.ended")
def _(original, self, meanings, begun):
    return original(self, meanings, self.begin())


@breaks("a call that goes well leaves the row as it is", "H65", "consumer.patience:Patience.ended")
def _(original, self, meanings, begun):
    return original(self, meanings, begun) if set(meanings) - {Meaning.SENT} else None


sets("one message that can't be written keeps back its whole poll", "H66", "consumer.batches:UNWRITABLE", ())


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
    "the rest of a group is released before its batch is dispatched",
    "H25 H27",
    "consumer.dispatch:Dispatcher._dispatch",
)
async def _(original, self, dispatches):
    for dispatch in dispatches:
        await self._release(dispatch.rest)
    return await original(self, dispatches)


@breaks(
    "the rest of a group is released before its head is a dead letter",
    "H27",
    "consumer.dispatch:Dispatcher._dispatch",
)
async def _(original, self, dispatches):
    answered = await original(self, dispatches)
    for dispatch, meaning in answered:
        if meaning is Meaning.TOO_LARGE:
            await self._release(dispatch.rest)
    return answered


@breaks("nobody looks which releases were refused", "H4", "consumer.dispatch:Dispatcher._release")
async def _(original, self, deliveries):
    with having(self, queue=NeverRefusing(self._queue)):
        return await original(self, deliveries)


sets("a release that fails kills the consumer", "H4", "consumer.dispatch:QueueError", ZeroDivisionError)


answers("a batch that is too large is not sent smaller", "H67", "consumer.dispatch:Dispatcher._smaller", [])


answers("a smaller limit is forgotten at once", "H67", "consumer.batches:EventLimit.refused")


answers("what is too large is released for ever", "H15", "consumer.dispatch:_is_dead", False)


answers(
    "what SQS is about to drop is released all the same", "H95", "consumer.dispatch:is_near_its_end", False
)
