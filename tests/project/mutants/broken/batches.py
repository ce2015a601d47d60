"""The work of a batch, one delivery after the other, broken."""

from __future__ import annotations

from tests.project.mutants.mutation import Part

from worker import attempt
from worker.deadline import ANOTHER_SECONDS
from worker.outcome import DeadLetter, RetryLater, Succeeded
from worker.record import Record

PART = Part("Batches")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


answers(
    "with no time left another task of the batch starts",
    "H10",
    "worker.deadline:Deadline.allows_another",
    True,
)


@breaks("the time of a short function is not used", "H10", "worker.deadline:Deadline.allows_another")
def _(original, self):
    return self._seconds_left() >= ANOTHER_SECONDS


sets(
    "successes of a batch are deleted at its end only",
    "H12",
    "worker.batch:DELETE_TOGETHER_SECONDS",
    float("inf"),
)


@breaks("after a lost lease the rest of the batch goes on", "H14", "worker.hold:Hold.has_lost")
def _(original, self, delivery):
    return original(self, delivery) and delivery is self._covered[0]


@breaks("a task runs in a process that must exit", "H39", "worker.batch:BatchWork._reason_to_stop")
def _(original, self, remaining):
    exit_reason, self._host.exit_reason = self._host.exit_reason, None
    reason = original(self, remaining)
    self._host.exit_reason = exit_reason
    return reason


@breaks("what there was no time for is not released", "H10", "worker.settle:Settler.postpone")
async def _(original, self, deliveries, seconds, lease_ends):
    return seconds != 1 and await original(self, deliveries, seconds, lease_ends)


@breaks("a success that waits for its deletion is not kept alive", "H12 H14", "worker.hold:Hold.cover")
def _(original, self, deliveries):
    before = {delivery.message_id for delivery in self._covered}
    original(self, [one for one in deliveries if one is deliveries[0] or one.message_id not in before])


@breaks(
    "the next of a group starts though the one before it may still be on the queue",
    "H27",
    "worker.settle:Settler.settle",
)
async def _(original, self, result, lease_ends):
    settled = await original(self, result, lease_ends)
    return settled or isinstance(result.outcome, Succeeded | DeadLetter)


@breaks("the next of a group starts though the one before it failed", "H27", "worker.batch:BatchWork._settle")
async def _(original, self, result, followers):
    await original(self, result, ())
    return True


@breaks("what is behind a failure is not postponed", "H27", "worker.batch:BatchWork._release")
async def _(original, self, deliveries, outcome):
    self._report_not_started(deliveries, outcome)


@breaks("what is behind a failure is visible before it", "H27", "worker.batch:BatchWork._release")
async def _(original, self, deliveries, outcome):
    await original(self, deliveries, outcome._replace(seconds=1))


@breaks("what is behind a failure is postponed before it", "H27", "worker.batch:BatchWork._settle")
async def _(original, self, result, followers):
    if isinstance(result.outcome, RetryLater) and followers:
        await self._settler.postpone(followers, result.outcome.seconds, float("inf"))
    return await original(self, result, followers)


@breaks(
    "what is behind a failure is released though that was not postponed",
    "H27",
    "worker.batch:BatchWork._settle",
)
async def _(original, self, result, followers):
    settle = self._settler.settle

    async def settled(result, lease_ends):
        await settle(result, lease_ends)
        return True

    self._settler.settle = settled
    try:
        return await original(self, result, followers)
    finally:
        del self._settler.settle


@breaks(
    "a message is deleted before its task's completion is recorded", "H12", "worker.attempt:Runner.attempt"
)
async def _(original, self, start, end):
    class Unfinished(Record):
        async def finish(self, unsent=""):
            await hold._queue.delete([start.delivery])
            return await super().finish(unsent)

    hold = self._hold
    attempt.Record = Unfinished
    try:
        return await original(self, start, end)
    finally:
        attempt.Record = Record


answers(
    "an attempt whose code can't be interrupted is not ended",
    "H10",
    "worker.deadline:Deadline.attempt_seconds",
    float("inf"),
)


answers(
    "a success waits while what may kill its process starts",
    "H90",
    "worker.batch:BatchWork._must_be_deleted_before",
    False,
)


@breaks(
    "a start that others of its batch left no time for is an attempt",
    "H91",
    "worker.attempt:excused_interrupt",
)
def _(original, error, start, **known):
    return original(error, start._replace(first=True), **known)


@breaks("one message's lost lease ends the heartbeats of its batch", "H92", "worker.hold:Hold._held")
def _(original, self):
    return [] if self.lost else original(self)


@breaks("one that SQS refused to extend starts", "H92", "worker.hold:Hold.confirm")
async def _(original, self):
    self._refused = frozenset()
    await original(self)


@breaks(
    "a task starts though what is before it could not be deleted",
    "H259",
    "worker.batch:BatchWork._delete_undeleted",
)
async def _(original, self):
    await original(self)
    self._host.exit_reason = None


sets("a process lives on though no heartbeat got through", "H260", "worker.hold:Hold.is_cut_off", False)


answers("a process that could not move a letter lives on", "H260", "worker.settle:Settler._give_up", False)
