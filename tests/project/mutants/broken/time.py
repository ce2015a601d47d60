"""The end of a task in its time, and of a process that must exit after its task, broken."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Timer

from tests.project.mutants.mutation import Part

from worker.host import SoftDeadline
from zigzag.in_place import run_in_place

PART = Part("Time")
breaks, sets = PART.breaks, PART.sets


class _OrdinaryError(Exception):
    pass


sets("an except of exceptions swallows the interrupt", "H10", "worker.host:SoftDeadline", _OrdinaryError)


@breaks("no task is interrupted before its process ends", "H10", "worker.host:call")
async def _(original, task, payload, context, host, seconds):
    await original(task, payload, context, host, seconds + 3600)


@breaks("the alarm of the soft deadline is never set", "H10", "worker.alarm:Alarm.after")
def _(original, self, seconds):
    return nullcontext()


@breaks("after an interrupted task the process goes on", "H39", "worker.process:LambdaProcess.call")
async def _(original, self, function, seconds):
    try:
        return await original(self, function, seconds)
    except SoftDeadline:
        self.exit_reason = None
        raise


@breaks("a process that must exit lives on", "H39", "worker.app:run_in_place")
def _(original, coroutine):
    from worker import app

    reports = original(coroutine)
    app.PROCESS.exit_reason = None
    return reports


@breaks("a heartbeat that is due does not come", "H14", "worker.process:_Beside._go_on")
def _(original, self):
    return None


@breaks("a beat under way is not waited for", "H14", "worker.process:_Beside.__aexit__")
async def _(original, self, *raised):
    later = Timer(1.0, lambda: run_in_place(original(self, *raised)))
    later.daemon = True
    later.start()


sets("a heartbeat may hang until the function ends", "H10", "worker.on_aws:HARD_SECONDS", 0.0)
