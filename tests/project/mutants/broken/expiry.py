"""When it is too late for a first start, broken."""

from __future__ import annotations

from tests.project.mutants.mutation import Part

PART = Part("Expiry")
breaks, answers, sets = PART.breaks, PART.answers, PART.sets

answers("no message ever expires", "H186", "worker.expiry:_why", None)


@breaks("a message that has started expires at a late retry", "H186", "worker.expiry:expire")
def _(original, attempt, delivery, message):
    attempt.started = False
    return original(attempt, delivery, message)


@breaks("a first start is not recorded", "H186", "worker.starts:Starts.allow")
async def _(original, self, attempt):
    attempt.bounded = False
    await original(self, attempt)


@breaks("without its record a first start goes on", "H186", "worker.starts:Starts.allow")
async def _(original, self, attempt):
    from worker.starts import UnmarkedError

    try:
        await original(self, attempt)
    except UnmarkedError:
        return


@breaks("a message that has expired is recorded as started", "H186", "worker.starts:Starts.allow")
async def _(original, self, attempt):
    expired, attempt.expired = attempt.expired, None
    await original(self, attempt)
    attempt.expired = expired


answers(
    "a letter that had started expires after its redrive",
    "H186",
    "worker.expiry:_started_before_its_redrive",
    False,
)
