"""How often a task is tried, and what counts as its failure, broken."""

from __future__ import annotations

from copy import replace
from types import SimpleNamespace

from tests.project.mutants.broken.queues import having
from tests.project.mutants.mutation import Part

from worker.outcome import RetryLater

PART = Part("Attempts")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


answers("the first failure is not counted", "H18", "worker.starts:Starts.failed")


@breaks("a start is counted twice", "H9 H19", "worker.starts:Starts.count")
async def _(original, self, attempt, limits):
    outcome = await original(self, attempt, limits)
    if self._counted is not None:
        await self._records.count(self._key, "another", self._clock.now())
    return outcome


@breaks("attempts are counted by receives", "H9 H19", "worker.starts:Starts.count")
async def _(original, self, attempt, limits):
    outcome = await original(self, attempt, limits)
    attempt.number = self._receives
    return outcome


@breaks("a later delivery starts without a record", "H9 H10", "worker.starts:Starts.count")
async def _(original, self, attempt, limits):
    outcome = await original(self, attempt, limits)
    return None if isinstance(outcome, RetryLater) else outcome


sets("an import may kill for ever", "H10", "worker.starts:MAX_STARTS", 10**6)


sets("a task that can't be loaded is given up within the hour", "H133", "worker.outcome:LOADING_SECONDS", 0)


answers("a task of many attempts has only as many as any", "H18 H79", "worker.starts:Starts.allow")


@breaks("a start that was refused counts as an attempt", "H9", "worker.starts:Starts.excuse")
async def _(original, self, attempt, *, unloaded=False):
    if unloaded:
        await original(self, attempt, unloaded=unloaded)


@breaks("a task that is not loaded uses up its attempts", "H17", "worker.starts:Starts.excuse")
async def _(original, self, attempt, *, unloaded=False):
    if unloaded:
        await self.failed(attempt)
        attempt.unloaded += 1


@breaks("a start that had to wait counts as a try to load its task", "H86", "worker.starts:Starts.excuse")
async def _(original, self, attempt, *, unloaded=False):
    await original(self, attempt, unloaded=True)


@breaks("who waits for the table waits no longer after days", "H87", "worker.starts:wait_seconds")
def _(original, receives, random, most=900):
    return original(receives, random, min(most, 900))


@breaks("who waits for a busy key waits no longer after days", "H86", "worker.record:wait_seconds")
def _(original, receives, random, most=900):
    return original(receives, random, min(most, 900))


@breaks("a first start near its message's end is not counted", "H84", "worker.starts:Starts.count")
async def _(original, self, attempt, limits):
    return None if self._receives <= 1 else await original(self, attempt, limits)


@breaks("an import that hangs is a failed attempt", "H88", "worker.attempt:as_import_error")
def _(original, error, attempt):
    return error


answers(
    "a key function that takes all the time for ever is no attempt",
    "H88",
    "worker.attempt:Runner._took_all_the_time",
    False,
)


@breaks("what could not be deleted runs again", "H12", "worker.starts:Starts.conclude")
async def _(original, self, cause=None):
    if cause is not None:
        await original(self, cause)


@breaks("a letter that can't be stored is forgotten", "H85", "worker.starts:Starts.conclude")
async def _(original, self, cause=None):
    if cause is None:
        await original(self)


answers("a task that kills its process is never given up", "H10", "worker.outcome:used_up")


@breaks("a message is given up before its last attempt", "H9", "worker.outcome:used_up")
def _(original, attempt):
    attempt.number += 1
    outcome = original(attempt)
    attempt.number -= 1
    return outcome


@breaks("the last failure is retried", "H18", "worker.outcome:decide")
def _(original, error, attempt, random, limits):
    policy = attempt.policy
    attempt.policy = replace(policy, attempts=policy.attempts + 1)
    outcome = original(error, attempt, random, limits)
    attempt.policy = policy
    return outcome


@breaks("after a lost lease a failure is settled", "H14", "worker.attempt:Runner._failed")
async def _(original, self, start, error):
    with having(self, hold=SimpleNamespace(lost=False)):
        return await original(self, start, error)


@breaks("what a task raises that is no exception ends the process", "H6", "worker.process:LambdaProcess.call")
async def _(original, self, function, seconds):
    try:
        return await original(self, function, seconds)
    except RuntimeError as error:
        if error.__cause__ is None or isinstance(error.__cause__, Exception):
            raise
        raise error.__cause__ from None


@breaks("a generator that nobody runs is a success", "H47", "worker.host:call")
async def _(original, task, payload, context, host, seconds):
    try:
        await original(task, payload, context, host, seconds)
    except TypeError as error:
        if "returned a generator" not in str(error):
            raise


answers("a payload that changes on its way is sent", "H55", "zigzag.sendable:change")


sets("all errors of a payload are listed", "H57", "zigzag.handle:_MAX_LISTED", 10_000_000)
