"""The record of an idempotent task's run, broken."""

from __future__ import annotations

from tests.project.mutants.mutation import Part

from worker.outcome import AlreadyDone, RetryLater

PART = Part("Records")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks("a task runs though its record has another owner", "H7", "worker.record:Record.own")
async def _(original, self, lease_ends):
    outcome = await original(self, lease_ends)
    busy = isinstance(outcome, RetryLater) and "another worker runs" in outcome.reason
    return None if busy else outcome


@breaks("a task runs though its completion is recorded", "H7 H12 H33", "worker.record:Record.own")
async def _(original, self, lease_ends):
    outcome = await original(self, lease_ends)
    return None if isinstance(outcome, AlreadyDone) else outcome


@breaks("an idempotent task runs though its record can't be reached", "H7", "worker.record:Record.own")
async def _(original, self, lease_ends):
    outcome = await original(self, lease_ends)
    unknown = isinstance(outcome, RetryLater) and "can't be known" in outcome.reason
    return None if unknown else outcome


answers("a completion is not recorded", "H7 H12", "worker.record:Record.finish")


@breaks("a completion that can't be recorded fails the worker", "H12", "worker.record:Record.finish")
async def _(original, self, unsent=""):
    return not self.owned or await self._records.finish(self.key, self._owner, self._clock.now(), unsent)


answers("after a failure the record keeps its owner", "H7", "worker.record:Record.disown")


answers("an error counts as a failure though the run is done", "H188", "worker.record:Record._instead_of")


@breaks("a completion is accepted from anybody", "H187 H189", "shared.aws.dynamodb_records:completion_in")
def _(original, *arguments):
    asked = original(*arguments)
    return asked | {"ConditionExpression": "#owner = :owner OR #owner <> :owner"}


@breaks("a run is given up while its code may still run", "H129", "worker.record:Record.disown")
async def _(original, self, *error):
    self._host.exit_reason = None
    return await original(self, *error)


@breaks("a retry comes while its run is still owned", "H132", "worker.attempt:waiting_at_least")
def _(original, seconds, outcome):
    return outcome


@breaks("two deliveries have the same owner", "H7", "worker.record:Record.__init__")
def _(original, self, *arguments):
    original(self, *arguments)
    self._owner = "worker"


answers("a record's ownership is not extended while its task runs", "H7 H14", "worker.record:Record._keep")


sets("a record's ownership lasts longer than the lease", "H10", "worker.record:EARLIER_SECONDS", -15.0)


@breaks("runs of two tasks have one key", "H33", "worker.prepare:record_key")
def _(original, kind, *names):
    return original(kind, names[-1])


@breaks("a completion does not say that nobody knows what follows", "H227", "worker.record:Record.completion")
def _(original, self, unsent, *, known):
    return original(self, "", known=known)
