"""A server, broken: how it receives, stops, and shares a queue with Lambda."""

from __future__ import annotations

import time

from tests.project.mutants.mutation import Part

PART = Part("Servers")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks("what a receive brings to a server that stops is hidden", "H142", "server.serving:Serving._release")
async def _(original, self, delivery, seconds, reason):
    if seconds:
        await original(self, delivery, seconds, reason)


@breaks(
    "a receive may last longer than the grace",
    "H142",
    "server.options:Options.poll_seconds",
)
def _(original, self):
    return 20


@breaks("an interrupt of a server that stops is an attempt", "H143", "worker.attempt:excused_interrupt")
def _(original, error, start, **known):
    return original(error, start, **{**known, "stop_reason": None})


answers("a task that runs is not interrupted by the stop", "H143", "worker.alarm:Alarm.ring")


@breaks("a process goes on when its supervisor is dead", "H145", "server.control:Control._read")
def _(original, self):
    order = original(self)
    while not order:
        time.sleep(60)
    return order


@breaks("a task may take longer than SQS hides its message", "H146", "server.serving:Serving.__init__")
def _(original, self, *ports, seconds=42_300, poll_seconds=20):
    original(self, *ports, seconds=seconds + 3600, poll_seconds=poll_seconds)


answers("what fails at its start is started again at once", "H148", "server.supervisor:pause_seconds", 0.0)


@breaks("a server asks no gate", "H149", "server.flows:flows_of")
def _(original, queue, gates, clock, random):
    return original(queue, None, clock, random)


@breaks("a server drops its permit", "H149", "server.serving:_with")
def _(original, lease, share):
    return original(lease, share._replace(slots=()))


sets(
    "a change of the gate holds from the next receive on",
    "H150",
    "server.serving:LOOK_AGAIN_SECONDS",
    1e9,
)


answers("a server begins where its table is not there", "H151", "server.check:problem")
