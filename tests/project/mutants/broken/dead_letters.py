"""The move to the dead-letter queue, and back, broken."""

from __future__ import annotations

from contextlib import suppress

from tests.project.mutants.mutation import Part

from shared.dead_letter import Move
from shared.delivery import Delivery
from shared.ports.queue import QueueError

PART = Part("Dead letters")
breaks, answers = PART.breaks, PART.answers


@breaks(
    "a message is deleted before its dead letter is confirmed",
    "H46",
    "shared.dead_letter:move_to_dead_letters",
)
async def _(original, delivery, cause, queue, *others):
    with suppress(QueueError):
        await queue.delete([delivery])
    return await original(delivery, cause, queue, *others)


@breaks("a message whose dead letter is refused is deleted", "H46", "shared.dead_letter:move_to_dead_letters")
async def _(original, delivery, cause, queue, *others):
    moved = await original(delivery, cause, queue, *others)
    if moved is Move.REFUSED:
        with suppress(QueueError):
            await queue.delete([delivery])
    return moved


@breaks(
    "a message whose dead letter is refused comes back at once",
    "H46",
    "shared.dead_letter:move_to_dead_letters",
)
async def _(original, delivery, cause, queue, *others):
    moved = await original(delivery, cause, queue, *others)
    if moved is Move.REFUSED:
        with suppress(QueueError):
            await queue.change_visibility([delivery], 0)
    return moved


@breaks(
    "a dead letter counts as moved though its message could not be deleted",
    "H12 H27 H46",
    "shared.dead_letter:move_to_dead_letters",
)
async def _(original, *arguments):
    moved = await original(*arguments)
    return Move.MOVED if moved is Move.COPIED else moved


@breaks("a dead letter loses the task's id", "H33", "shared.dead_letter:compose")
def _(original, delivery, cause, *others):
    return original(delivery, cause._replace(id=None), *others)


answers("a redriven task has a new id", "H33", "worker.decode:note_of", {})


@breaks("a dead letter's note grows beyond what SQS takes", "H46", "shared.dead_letter:compose")
def _(original, delivery, cause, *others):
    without_body = Delivery({**delivery.message, "Body": ""}, delivery.queue_url, delivery.lease)
    return original(without_body, cause, *others)._replace(body=delivery.body)


@breaks(
    "a dead letter is sent with what a producer wrote into its note", "H46", "shared.dead_letter:_displaced"
)
def _(original, value):
    return original(value) or (value if isinstance(value, dict) else {})


@breaks(
    "a dead letter of a FIFO queue is a new one each time it is moved", "H46", "shared.dead_letter:compose"
)
def _(original, delivery, cause, now, *others):
    letter = original(delivery, cause, now, *others)
    return letter._replace(deduplication_id=str(now) if delivery.from_fifo else None)


@breaks("the end of a redriven task is not recorded", "H190", "worker.redrive:Redrive.ended")
async def _(original, self, outcome):
    await self.disown()
    return outcome


answers(
    "a redriven dead letter is deleted before its record is finished",
    "H190",
    "worker.redrive:Redrive.spend",
    True,
)


@breaks("a letter that is stored keeps the token that is used up", "H190 H191", "shared.dead_letter:compose")
def _(original, delivery, cause, now, spent=False):
    return original(delivery, cause, now, False)


@breaks("a redrive takes what dies again meanwhile", "H192", "zigzag_operate.acting:Acting._is_meant")
def _(original, self, message, poll):
    return original(self, message, poll._replace(at=float("inf")))


@breaks("a redrive deletes what SQS has not confirmed", "H191", "zigzag_operate.redrive:_Redriving.send")
def _(original, self, letters):
    original(self, letters)
    return letters
