"""How often a task is tried, and what counts as its failure, broken."""

from __future__ import annotations

from tests.mutants.mutation import Part

from shared.ports.records import Begun, RecordsError

PART = Part("Attempts")
breaks = PART.breaks


@breaks("the first failure is not counted", "H18", "worker.record:Record.count")
async def _(original, self, otherwise):
    return 1


@breaks("a start is counted twice", "H9 H19", "worker.record:Record.begin")
async def _(original, self, lease_ends):
    begun = await original(self, lease_ends)
    if isinstance(begun, Begun):
        await self.records.count(self.key, f"{self.owner} again", self.clock.now())
    return begun


@breaks("without records every attempt is the first", "H10", "worker.record:Record.begin")
async def _(original, self, lease_ends):
    try:
        return await original(self, lease_ends)
    except RecordsError:
        if self.outlives_message:
            raise
        return Begun(1)


@breaks("a task that kills its process is never given up", "H10", "worker.outcome:used_up")
def _(original, attempt, policy):
    return None


@breaks("a message is given up before its last attempt", "H9", "worker.outcome:used_up")
def _(original, attempt, policy):
    return original(attempt.numbered(attempt.number + 1), policy)


@breaks("the last failure is retried", "H18", "worker.outcome:decide")
def _(original, error, attempt, policy, *others, **more):
    return original(error, attempt, policy._replace(attempts=policy.attempts + 1), *others, **more)


@breaks(
    "what a task raises that is no exception ends the process",
    "H6",
    "worker.process:LambdaProcess.call",
)
async def _(original, self, function, seconds):
    try:
        return await original(self, function, seconds)
    except RuntimeError as error:
        if error.__cause__ is None or isinstance(error.__cause__, Exception):
            raise
        raise error.__cause__ from None


@breaks("a generator that nobody runs is a success", "H47", "worker.call:call")
async def _(original, task, payload, context, host, seconds):
    await host.call(lambda: task(payload, context) if task.wants_context else task(payload), seconds)
