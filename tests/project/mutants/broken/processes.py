"""Code that keeps a task from harming those that follow it in its process, broken."""

from __future__ import annotations

from tests.project.mutants.mutation import Part

from shared import log

PART = Part("Processes")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks(
    "what escapes from the worker leaves its process as it is",
    "H72",
    "worker.process:LambdaProcess.end_after",
)
def _(original, self, error, request):
    raise error


@breaks("our lines go the way that a task has set up", "H73", "shared.log:write")
def _(original, level, message, *, error=None, **fields):
    log.LOGGER.log(level, message, extra={"fields": fields}, exc_info=error)


@breaks("what an async task leaves pending is dropped", "H74", "worker.loop:_Run.rest")
async def _(original, self):
    return None


answers("a timer of an earlier task ends a later one", "H74", "worker.loop:Loop._is_foreign", False)

answers("what a timer of an earlier task schedules ends a later one", "H243", "worker.loop:_raised_in")

answers("a generator that is read by half meets a later task", "H244", "worker.loop:Loop._closed", "")


@breaks("what swallows its cancellation goes on unseen", "H74", "worker.loop:_cancelled")
def _(original, loop):
    original(loop)
    return ""


@breaks("an interrupt that was swallowed is not repeated", "H10", "worker.alarm:Alarm._heard")
def _(original, self, *signal):
    try:
        original(self, *signal)
    except BaseException:
        self._ends = float("inf")
        raise


answers("child processes are left behind unseen", "H76", "worker.leftovers:_children", set())


answers("a process takes tasks until its memory is used up", "H76", "worker.leftovers:worn_out")


answers("a task's changes to its process meet the next one", "H77", "worker.leftovers:Before.put_back")


@breaks("a task's own timeout is not kept", "H78", "zigzag.policy:Policy.__init__")
def _(original, self, *arguments, **named):
    original(self, *arguments, **named)
    vars(self)["timeout"] = None


answers("values stay that a validator refused", "H258", "shared.errors:_of_validators", [])
