"""What is remembered of a task across its deliveries, broken."""

from __future__ import annotations

from tests.mutants.broken.queues import changed
from tests.mutants.mutation import Part

from worker.outcome import AlreadyDone, DeadLetter, RetryLater

PART = Part("Records")
breaks = PART.breaks


@breaks("a plain task's record is that of its id", "H33", "worker.starts:starts_of")
def _(original, attempt, delivery, *others):
    return original(attempt, changed(delivery, message_id=attempt.id), *others)


@breaks("an idempotent task's first delivery is not recorded", "H7", "worker.starts:Starts.own")
async def _(original, self, attempt, lease_ends, random):
    return None if self._receives == 1 else await original(self, attempt, lease_ends, random)


@breaks("a task runs though its record has another owner", "H7", "worker.starts:Starts.own")
async def _(original, self, attempt, lease_ends, random):
    outcome = await original(self, attempt, lease_ends, random)
    busy = isinstance(outcome, RetryLater) and "another worker" in outcome.reason
    return None if busy else outcome


@breaks("a task runs though its completion is recorded", "H7 H12 H33", "worker.starts:Starts.own")
async def _(original, self, attempt, lease_ends, random):
    outcome = await original(self, attempt, lease_ends, random)
    return None if isinstance(outcome, AlreadyDone) else outcome


@breaks("an idempotent task runs though its record can't be reached", "H7", "worker.starts:Starts.own")
async def _(original, self, attempt, lease_ends, random):
    outcome = await original(self, attempt, lease_ends, random)
    unknown = isinstance(outcome, RetryLater) and "can't be known" in outcome.reason
    return None if unknown else outcome


@breaks("a completion is not recorded", "H7 H12", "worker.observers.completion:Completion.ended")
async def _(original, self, attempt, outcome):
    return None


@breaks("a completion that can't be recorded fails the worker", "H12", "worker.starts:Starts.finish")
async def _(original, self):
    if self.owned:
        await self._records.finish(self.key, self._owner, self._clock.now())


@breaks(
    "a dead letter's starts are not forgotten: what comes under its key is given up untried",
    "H33",
    "worker.starts:Starts.forget",
)
async def _(original, self):
    return True


@breaks(
    "a dead letter's record has no owner until its message is off the queue",
    "H7 H33",
    "worker.settle:Settler.settle",
)
async def _(original, self, outcome, delivery, starts=None):
    if isinstance(outcome, DeadLetter) and starts is not None:
        await starts.disown()
    return await original(self, outcome, delivery, starts)


@breaks("after a failure the record keeps its owner", "H7", "worker.starts:Starts.disown")
async def _(original, self):
    return None


@breaks("two deliveries have the same owner", "H7", "worker.starts:Starts.__init__")
def _(original, self, records, key, owner, clock, **more):
    original(self, records, key, "worker", clock, **more)
