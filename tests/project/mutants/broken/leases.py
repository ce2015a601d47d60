"""The leases that keep a message ours while its task runs, broken."""

from __future__ import annotations

from contextlib import suppress

from tests.project.mutants.broken.queues import having
from tests.project.mutants.mutation import Part

from worker.hold import LeaseLostError

PART = Part("Leases")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers

sets("a message comes back while its worker may still start", "H5 H11", "shared.lease:LEASE_SECONDS", 75)


@breaks("a worker may start until the very end of the lease", "H5 H37", "shared.lease:Lease.taken")
def _(original, cls, *arguments, **named):
    lease = original(cls, *arguments, **named)
    return lease._replace(start_by=lease.ends)


@breaks("a worker starts however late it is", "H5", "worker.guards.late:late")
async def _(original, batch, now):
    return None


@breaks("no lease is extended while a task runs", "H14", "worker.hold:Hold.while_running")
def _(original, self, seconds, end):
    self.beat = nothing
    return original(self, seconds, end)


async def nothing():
    return True


answers("after a lost lease a failure counts as held", "H14", "worker.hold:Hold.has_lost", False)


@breaks("a lost lease comes back with the next beat that works", "H14", "worker.hold:Hold.beat")
async def _(original, self):
    self._known = False  # as before the first beat of a delivery whose lease nobody knows
    return await original(self)


@breaks("a beat that SQS refused counts as one that worked", "H13 H14", "worker.hold:Hold._extended")
async def _(original, self, deliveries):
    await original(self, deliveries)
    return list(deliveries)


sets("a beat that failed is not made again", "H14", "worker.hold:BEAT_AGAIN_SECONDS", 120.0)


answers(
    "the first beat of a late start comes after its lease has ended",
    "H14",
    "worker.hold:Hold._beat_before_the_end",
)


@breaks("a task starts though its lease ended while it was imported", "H5 H14", "worker.hold:Hold.confirm")
async def _(original, self):
    with suppress(LeaseLostError):
        await original(self)


@breaks(
    "on a FIFO queue the followers' leases are extended though the head's is not",
    "H13 H25",
    "worker.hold:Hold._extend",
)
async def _(original, self):
    with having(self, ordered=False):
        return await original(self)


@breaks("the head's lease alone is extended", "H14", "worker.hold:Hold.cover")
def _(original, self, deliveries):
    original(self, deliveries[:1])


@breaks("on a FIFO queue no beat comes before the task", "H13", "worker.hold:Hold.secure")
async def _(original, self, deliveries):
    with having(self, ordered=False):
        await original(self, deliveries)


@breaks(
    "on a FIFO queue a task starts though the beat before it was refused",
    "H13 H14",
    "worker.hold:Hold.secure",
)
async def _(original, self, deliveries):
    with suppress(LeaseLostError):
        await original(self, deliveries)


@breaks(
    "a message of an event source is hidden as long as its queue hides", "H154", "worker.hold:Hold.secure"
)
async def _(original, self, deliveries):
    if not self._known:
        self._known, self._first_ends = True, float("inf")
    await original(self, deliveries)
