"""The requests of a failed task, broken."""

from __future__ import annotations

from itertools import count

from tests.project.mutants.mutation import Part

from worker.outcome import DeadLetter, Ignored
from zigzag.policy import IGNORE

PART = Part("Failures")
breaks, answers, sets = PART.breaks, PART.answers, PART.sets


@breaks("a task is ignored before its last attempt", "H17", "worker.outcome:decide")
def _(original, error, attempt, random, limits):
    ignored = attempt.policy.word(type(error)) == IGNORE
    return original(error, attempt, random, limits) if not ignored else Ignored(_cause(error, attempt))


def _cause(error, attempt):
    from shared.dead_letter import Cause

    return Cause("ignored", attempt.task, attempt.id, attempt.number, str(error))


@breaks("an ignored message is left on the queue", "H12", "worker.settle:Settler.settle")
async def _(original, self, result, lease_ends):
    return True if isinstance(result.outcome, Ignored) else await original(self, result, lease_ends)


@breaks("nothing is sent to repair a task", "H46", "worker.settle:Settler._send_repair")
async def _(original, self, delivery, cause):
    return cause


@breaks("a repair has another id each time", "H33", "worker.failure:_repairs_id")
def _(original, task, id, message_id):
    return f"{original(task, id, message_id)}-{next(_numbers)}"


_numbers = count()

answers("two tasks repair each other for ever", "H17", "worker.failure:_no_repair", None)


@breaks("a task that is sent to repair may start again", "H46", "worker.settle:Settler._dead_letter")
async def _(original, self, result, cause):
    conclude = result.start.starts.conclude

    async def later(cause=None):
        if cause is None or cause.on_failure is None:
            await conclude(cause)

    result.start.starts.conclude = later
    return await original(self, result, cause)


@breaks("the repair replaces the dead letter", "H46", "worker.settle:Settler._dead_letter")
async def _(original, self, result, cause):
    if cause.on_failure in (None, "notify"):
        return await original(self, result, cause)
    await self._send_repair(result.start.delivery, cause)
    return await self.delete([result]) == [True]


sets("a task is told at each failure", "H46", "worker.observers.notify:NOTICE_EVERY_SECONDS", -1)


@breaks("a notice replaces the dead letter", "H46", "worker.settle:Settler.settle")
async def _(original, self, result, lease_ends):
    outcome = result.outcome
    told = isinstance(outcome, DeadLetter) and outcome.cause.on_failure == "notify"
    return await self.delete([result]) == [True] if told else await original(self, result, lease_ends)


answers("an attempt that is ended with its process is not told", "H46", "worker.batch:BatchWork._end", None)
