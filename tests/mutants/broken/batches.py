"""The work of a batch, one delivery after the other, broken."""

from __future__ import annotations

from tests.mutants.mutation import Part

from worker.observers.observer import Observer
from worker.outcome import LEASE_LOST, LeftAlone, RetryLater, Succeeded

PART = Part("Batches")
breaks, sets = PART.breaks, PART.sets

sets(
    "with no time left another task of the batch starts", "H10", "worker.batch:ANOTHER_SECONDS", float("-inf")
)
sets(
    "successes of a batch are deleted at its end only",
    "H12",
    "worker.batch:KEEP_DELETES_SECONDS",
    float("inf"),
)


@breaks("after a lost lease the rest of the batch goes on", "H14", "worker.batch:BatchWork._reason_to_stop")
def _(original, self, rest):
    reason = original(self, rest)
    return None if reason is LEASE_LOST else reason


@breaks("a task runs in a process that must exit", "H39", "worker.batch:BatchWork._reason_to_stop")
def _(original, self, rest):
    exit_reason, self._host.exit_reason = self._host.exit_reason, None
    reason = original(self, rest)
    self._host.exit_reason = exit_reason
    return reason


@breaks("what there was no time for is not given back", "H10", "worker.batch:BatchWork._give_back")
async def _(original, self, rest, outcome):
    self._pass_over(rest, outcome)


@breaks("a success that waits for its deletion is not kept alive", "H12 H14", "worker.batch:BatchWork._held")
def _(original, self, rest):
    return list(rest)


@breaks(
    "the next of a group starts though the one before it may still be on the queue",
    "H27",
    "worker.batch:BatchWork._settle",
)
async def _(original, self, result):
    settled = await original(self, result)
    return settled or (self._batch.ordered and not isinstance(result.outcome, RetryLater))


@breaks(
    "the next of a group starts though the one before it failed",
    "H27",
    "worker.batch:BatchWork._one_in_order",
)
async def _(original, self, delivery, rest):
    await original(self, delivery, rest[:1])
    return True


@breaks("what is behind a failure is not postponed", "H27", "worker.batch:BatchWork._make_wait")
async def _(original, self, followers, outcome, settled):
    self._pass_over(followers, LeftAlone("the one before it is not settled"))


@breaks("what is behind a failure is visible before it", "H27", "worker.batch:BatchWork._make_wait")
async def _(original, self, followers, outcome, settled):
    sooner = outcome._replace(seconds=1) if isinstance(outcome, RetryLater) else outcome
    await original(self, followers, sooner, settled)


@breaks("what is behind a failure is postponed before it", "H27", "worker.batch:BatchWork._one_in_order")
async def _(original, self, delivery, rest):
    settle = self._settler.settle

    async def followers_first(outcome, *others):
        if isinstance(outcome, RetryLater) and rest[1:]:
            await self._settler.postpone(rest[1:], outcome.seconds)
        return await settle(outcome, *others)

    self._settler.settle = followers_first
    try:
        return await original(self, delivery, rest)
    finally:
        del self._settler.settle


@breaks(
    "what is behind a failure is given back though that was not postponed",
    "H27",
    "worker.batch:BatchWork._make_wait",
)
async def _(original, self, followers, outcome, settled):
    await original(self, followers, outcome, True)


class _DeletesFirst(Observer):
    def __init__(self, settler, delivery):
        self._settler, self._delivery = settler, delivery

    async def ended(self, attempt, outcome):
        if isinstance(outcome, Succeeded):
            await self._settler.delete([self._delivery])


@breaks(
    "a message is deleted before its task's completion is recorded",
    "H12",
    "worker.batch:BatchWork._one",
)
async def _(original, self, delivery, rest):
    observers = self._attempts._observers
    self._attempts._observers = (_DeletesFirst(self._settler, delivery), *observers)
    try:
        await original(self, delivery, rest)
    finally:
        self._attempts._observers = observers
