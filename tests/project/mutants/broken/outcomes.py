"""The outcome of an attempt, decided and made true on SQS, broken."""

from __future__ import annotations

import random

from tests.project.mutants.broken.queues import NeverFailing, NeverRefusing, having
from tests.project.mutants.mutation import Part

from worker.lookup import NoSuchTaskError
from worker.outcome import RetryLater
from zigzag import Reject
from zigzag.body import BadMessageError

PART = Part("Outcomes")
breaks, sets = PART.breaks, PART.sets


@breaks("a failed task is visible again at once", "H18", "worker.outcome:decide")
def _(original, *arguments, **named):
    outcome = original(*arguments, **named)
    return outcome._replace(seconds=0) if isinstance(outcome, RetryLater) else outcome


@breaks("a backoff goes beyond SQS's twelve hours", "H18", "worker.outcome:decide")
def _(original, error, attempt, random, limits):
    further = limits._replace(postpone_seconds=10 * limits.postpone_seconds)
    return original(error, attempt, random, further)


@breaks("a message is postponed for longer than SQS keeps it", "H32", "worker.attempt:before_it_is_dropped")
def _(original, outcome, attempt, limits):
    return outcome


@breaks("what is not started waits for longer than SQS keeps it", "H84", "worker.settle:before_it_is_dropped")
def _(original, outcome, attempt, limits):
    return outcome


class _Highest(random.Random):
    def uniform(self, a, b):
        return b


@breaks("a backoff has no jitter", "H18", "zigzag.policy:Backoff.seconds")
def _(original, self, attempt, random):
    return original(self, attempt, _Highest())


@breaks("what a task rejects is retried", "H17", "worker.outcome:decide")
def _(original, error, *others, **more):
    return original(ValueError(str(error)) if isinstance(error, Reject) else error, *others, **more)


@breaks("a message that is none is retried", "H17", "worker.outcome:decide")
def _(original, error, *others, **more):
    return original(ValueError(str(error)) if isinstance(error, BadMessageError) else error, *others, **more)


@breaks("an unknown task's message is given up at once", "H17", "worker.outcome:decide")
def _(original, error, *others, **more):
    unknown = isinstance(error, NoSuchTaskError)
    return original(BadMessageError(str(error)) if unknown else error, *others, **more)


@breaks("a task's failure is the worker's", "H6", "worker.outcome:decide")
def _(original, error, *others, **more):
    raise error


@breaks("a delete that SQS refused counts as confirmed", "H12 H13 H27", "worker.settle:Settler.delete")
async def _(original, self, deliveries):
    with having(self, queue=NeverRefusing(self._queue)):
        return await original(self, deliveries)


@breaks("a delete that failed counts as confirmed", "H12 H27", "worker.settle:Settler.delete")
async def _(original, self, deliveries):
    with having(self, queue=NeverFailing(self._queue)):
        return await original(self, deliveries)


@breaks("a postponement that failed counts as confirmed", "H13 H27", "worker.settle:Settler.postpone")
async def _(original, self, *arguments):
    with having(self, queue=NeverRefusing(self._queue)):
        return await original(self, *arguments)


sets("a call to SQS that fails kills the worker", "H12", "worker.settle:QueueError", ZeroDivisionError)


@breaks("a delete whose answer is lost is not sent again", "H12", "worker.on_aws:transport_in_place")
def _(original, wanted, **options):
    return original(wanted, **{**options, "attempts": 1})


@breaks("a message is postponed after its lease", "H13 H14", "worker.settle:Settler.postpone")
async def _(original, self, deliveries, seconds, lease_ends):
    return await original(self, deliveries, seconds, float("inf"))


@breaks("a process that does not reach SQS lives on", "H12", "worker.settle:Settler._say_unreached")
def _(original, self, what, error):
    exit_reason = self._host.exit_reason
    original(self, what, error)
    self._host.exit_reason = exit_reason


@breaks(
    "a short postponement is sent again when another may have its message",
    "H89",
    "shared.aws.sqs_queue:SqsQueue.change_visibility",
)
async def _(original, self, deliveries, seconds, until=float("inf")):
    operation = "ChangeMessageVisibilityBatch"
    return await self._ask_batch(operation, deliveries, until, VisibilityTimeout=seconds)
