"""The two transports, which send each call up to their limit of attempts, broken."""

from __future__ import annotations

import sys
import time

from tests.project.mutants.mutation import Part

from shared.aws.transport import CallError, NoAnswerError, NotSentError

PART = Part("Calls")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks("boto sends an invoke again whose answer is lost", "H3 H38", "shared.aws.boto:BotoTransport.invoke")
async def _(original, self, function, event):
    try:
        await original(self, function, event)
    except NoAnswerError:
        await original(self, function, event)


@breaks("boto sends each call as often as its default says", "H12 H38 H43", "shared.aws.boto:Config")
def _(original, **options):
    del options["retries"]["total_max_attempts"]
    return original(**options)


@breaks(
    "the lean transport sends an invoke again whose answer is lost",
    "H3",
    "shared.aws.lean.transport:LeanTransport.invoke",
)
async def _(original, self, function, event):
    try:
        await original(self, function, event)
    except NoAnswerError:
        await original(self, function, event)


@breaks(
    "the lean transport sends each call once, whatever it was told",
    "H12",
    "shared.aws.lean.transport:LeanTransport.__init__",
)
def _(original, self, environment, streams, *, attempts, **more):
    original(self, environment, streams, attempts=1, **more)


@breaks(
    "the lean transport takes what got no answer for not sent",
    "H3",
    "shared.aws.lean.connections:Connections.exchange",
)
async def _(original, self, *arguments):
    try:
        return await original(self, *arguments)
    except NoAnswerError as error:
        raise NotSentError(error.code, error.reason) from error


@breaks("a look-up of a name takes as long as it likes", "H245", "shared.aws.lean.streams:addresses")
def _(original, host, port, seconds):
    return original(host, port, 3600.0)


sets(
    "the lean transport uses a connection that rested for an hour",
    "H3",
    "shared.aws.lean.connections:RESTED_SECONDS",
    7200.0,
)


@breaks(
    "the lean transport uses a connection that the other side has closed",
    "H3",
    "shared.aws.lean.connections:Connections._opened",
)
async def _(original, self, until):
    stream = await original(self, until)
    stream.alive = lambda: True
    return stream


@breaks(
    "the lean transport uses a connection again on which a call failed",
    "H3",
    "shared.aws.lean.connections:Connections._opened",
)
async def _(original, self, until):
    stream = await original(self, until)
    close = stream.close

    def close_or_rest():
        stream.close = close
        if sys.exception() is None:
            close()
        else:
            self._resting.append((stream, time.time()))

    stream.close = close_or_rest
    return stream


sets("an invoke with no answer counts as refused", "H3", "shared.aws.lambda_workers:NotSentError", CallError)


@breaks(
    "in the lean transport a forked child uses its parent's connections",
    "H52",
    "shared.aws.lean.transport:LeanTransport._line",
)
def _(original, self, service):
    return next((line for (_, of), line in self._lines.items() if of == service), None) or original(
        self, service
    )


@breaks(
    "in boto's transport a forked child uses its parent's connections",
    "H52",
    "shared.aws.boto:BotoTransport.client",
)
def _(original, self, service, *, waits=False):
    made = [client for (_, *of), client in self._clients.items() if of == [service, waits]]
    return made[0] if made else original(self, service, waits=waits)


answers("the lean client is never in doubt", "H94", "shared.aws.doubt:_doubtful")


@breaks(
    "boto sends an invoke again whose answer the lean client did not understand",
    "H3 H94",
    "shared.aws.doubt:LeanFirst.invoke",
)
def _(original, self, function, event):
    return self._made("lambda", lambda by: by.invoke(function, event), again=True)


@breaks("boto makes one call, and the next is the lean client's again", "H94", "shared.aws.doubt:Doubt.cast")
def _(original, self, why):
    original(self, why)
    self.there = False


@breaks(
    "a receive of boto's asks for as many messages as it is told to",
    "H70",
    "shared.aws.choice:transport_in_a_loop",
)
def _(original, wanted, *, botos_messages=10, **more):
    return original(wanted, **more)
