"""Many messages are sent in batches, and their fates are read wrongly."""

from __future__ import annotations

from tests.project.mutants.mutation import Part

from shared.ports.batches import Unsent
from shared.ports.workers import Meaning

PART = Part("Sends")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks("a message is sent again whatever its task", "H31", "zigzag.delivering:_may_repeat")
def _(original, entry, fate):
    return original(entry._replace(repeats=True), fate)


@breaks("a whole batch is sent again for one that failed", "H31", "zigzag.delivering:_posted")
def _(original, entries, post):
    fates = original(entries, post)
    failed = [one for one in fates if isinstance(one, Unsent) and one.meaning is Meaning.TRANSIENT]
    return [failed[0]] * len(fates) if failed else fates


@breaks("what may have been taken is refused after another try", "H31", "zigzag.delivering:_together")
def _(original, before, now):
    return now


@breaks("a server's error means that nothing was sent", "H31", "shared.aws.sqs_batches:meaning")
def _(original, error, broken):
    return original(error, Meaning.TRANSIENT)


@breaks("a message that SQS took altered is accepted", "H53", "shared.aws.sqs_batches:taken")
def _(original, answer, message):
    return answer["MessageId"]


@breaks("a group has several batches under way", "H185", "zigzag.sending:Sending._groups_under_way")
def _(original, self):
    return set()


@breaks("a message overtakes one that was not accepted", "H185", "zigzag.sending:Sending._hold_back")
def _(original, self):
    pass
