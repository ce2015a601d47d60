"""Follow-ups of a task, and a redrive's token, broken."""

from __future__ import annotations

import itertools
import json

from tests.project.mutants.mutation import Part

from shared.dead_letter import NOTE, note_of
from shared.delivery import Delivery

PART = Part("Follow-ups")
breaks, answers, sets = PART.breaks, PART.answers, PART.sets

_NUMBERS = itertools.count()


@breaks("what follows is not in the record of the completion", "H193", "worker.record:Record.finish")
async def _(original, self, unsent=""):
    return await original(self)


answers("what was sent stays in the record", "H194", "worker.record:Record.sent")


answers("a worker that has lost its record sends what follows", "H193", "worker.record:Record.finish", True)


@breaks("a task's own database is not asked before it has failed", "H222", "worker.done:ask_before_failure")
async def _(original, failure, *_):
    return failure


@breaks("what a task has stored is not what follows it", "H222", "worker.done:ask_database")
def _(original, attempt, ask):
    done = original(attempt, ask)
    attempt.returned = None
    return done


@breaks("what follows has another id each time", "H194", "worker.follow.compose:step_id")
def _(original, *arguments):
    return f"{original(*arguments)}{next(_NUMBERS)}"


@breaks("a displaced attribute makes a task of a done letter", "H195", "worker.follow.letters:holding")
def _(original, delivery, cause):
    letter = original(delivery, cause)
    note = {NOTE: {"DataType": "String", "StringValue": json.dumps(note_of(delivery))}}
    return Delivery({**letter.message, "MessageAttributes": note}, letter.queue_url, letter.lease)


answers("a message with the key of a done letter is one", "H195", "worker.follow.letters:_is_one", True)


@breaks("a failed task may start again beside its reply", "H196", "worker.settle:Settler._reply")
async def _(original, self, cause, result, **_):
    return await original(self, cause, result, concludes=False)


@breaks("a reply that can't be sent is not told", "H196", "worker.follow.letters:without_reply")
def _(original, cause, why):
    return original(cause, "")


sets("a chain has no end", "H197", "worker.follow.compose:MAX_HOPS", 10**9)


@breaks("a repair forgets how many tasks ran before it", "H197", "worker.failure:repair_of")
def _(original, *arguments):
    message = original(*arguments)
    return message._replace(body=message.body.replace('"hops"', '"h"'))


@breaks("another message of a redrive starts while JSON is made", "H190", "worker.follow.following:follow")
async def _(original, finish, start, outcome, returned):
    return await original(finish, start._replace(redrive=None), outcome, returned)


answers("a next task within a dict or a list is dropped", "H199", "worker.finish:_within", ())


@breaks("a reply goes wherever its sender wants", "H198", "worker.prepare:Terms.reply_to")
def _(original, self, asked):
    return asked


answers(
    "a letter has the next token though its run is another's",
    "H190",
    "worker.redrive:Redrive.stays_ours",
    True,
)
