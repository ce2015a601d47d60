"""How often a task is tried, and what counts as its failure, broken."""

from __future__ import annotations

from copy import replace

from tests.mutants.broken.queues import having
from tests.mutants.mutation import Part

from worker.no_queue import NoHold
from worker.outcome import used_up

PART = Part("Attempts")
breaks = PART.breaks


@breaks("the first failure is not counted", "H18", "worker.starts:Starts.count")
async def _(original, self, attempt):
    return None


@breaks("a start is counted twice", "H9 H19", "worker.starts:Starts.own")
async def _(original, self, attempt, lease_ends, random):
    outcome = await original(self, attempt, lease_ends, random)
    if self.owned:
        await self._records.count(self.key, "another", self._clock.now())
    return outcome


@breaks("attempts are counted by receives", "H9 H19", "worker.starts:Starts.own")
async def _(original, self, attempt, lease_ends, random):
    outcome = await original(self, attempt, lease_ends, random)
    attempt.number = self._receives
    return outcome or used_up(attempt)


@breaks("without records every attempt is the first", "H10", "worker.starts:Starts.own")
async def _(original, self, attempt, lease_ends, random):
    outcome = await original(self, attempt, lease_ends, random)
    if not self.owned:
        attempt.number = 1
    return outcome


@breaks("a task that kills its process is never given up", "H10", "worker.outcome:used_up")
def _(original, attempt):
    return None


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


@breaks("after a lost lease a failure is settled", "H14", "worker.attempt:Attempts._failed")
async def _(original, self, attempt, delivery, error):
    with having(self, hold=NoHold()):
        return await original(self, attempt, delivery, error)


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


@breaks("a generator that nobody runs is a success", "H47", "worker.host:call")
async def _(original, task, payload, context, host, seconds):
    try:
        await original(task, payload, context, host, seconds)
    except TypeError as error:
        if "returned a generator" not in str(error):
            raise
