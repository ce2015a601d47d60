"""What is remembered of a task across its deliveries, broken."""

from __future__ import annotations

from tests.mutants.mutation import Part

from shared.ports.records import Begun, Busy, Done, RecordsError
from worker.outcome import DeadLetter

PART = Part("Records")
breaks = PART.breaks


@breaks("a task runs though its record has another owner", "H7", "worker.record:Record.begin")
async def _(original, self, lease_ends):
    begun = await original(self, lease_ends)
    return Begun(1) if isinstance(begun, Busy) else begun


@breaks("a task runs though its completion is recorded", "H7 H12 H33", "worker.record:Record.begin")
async def _(original, self, lease_ends):
    begun = await original(self, lease_ends)
    return Begun(1) if isinstance(begun, Done) else begun


@breaks("an idempotent task runs though its record can't be reached", "H7", "worker.record:Record.begin")
async def _(original, self, lease_ends):
    try:
        return await original(self, lease_ends)
    except RecordsError:
        if not self.outlives_message:
            raise
        return Begun(1)


@breaks("a completion is not recorded", "H7 H12", "worker.record:Record.finish")
async def _(original, self):
    return None


@breaks("a completion that can't be recorded fails the worker", "H12", "worker.record:Record.finish")
async def _(original, self):
    if self.owned:
        await self.records.finish(self.key, self.owner, self.clock.now())


@breaks(
    "a dead letter's starts are not forgotten: what comes under its key is given up untried",
    "H33",
    "worker.settle:Settler.settle",
)
async def _(original, self, outcome, delivery, record=None):
    return await original(self, outcome, delivery)


@breaks(
    "a dead letter's record has no owner until its message is off the queue",
    "H7 H33",
    "worker.settle:Settler.settle",
)
async def _(original, self, outcome, delivery, record=None):
    if isinstance(outcome, DeadLetter) and record is not None:
        await record.release()
    return await original(self, outcome, delivery, record)


@breaks("after a failure the record keeps its owner", "H7", "worker.record:Record.release")
async def _(original, self):
    return None


@breaks("two deliveries have the same owner", "H7", "worker.record:Record.__init__")
def _(original, self, records, key, owner, clock, **more):
    original(self, records, key, "worker", clock, **more)
