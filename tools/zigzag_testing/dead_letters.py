"""What do the sandbox's dead letters say, and how do they get back to the task queue?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.dead_letter import NOTE
from shared.lease import LEASE_SECONDS
from shared.ports.queue import MAX_PER_CALL, Outgoing, Queue

NO_NOTE = {"StringValue": "{}"}
"""Of a dead letter that had no room for one."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue: its body as it came, and the note that says why, if it had room."""

    body: str
    note: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.note.get("reason", ""))

    @classmethod
    def of(cls, letter: Outgoing) -> Self:
        return cls(letter.body, json.loads(letter.attributes.get(NOTE, NO_NOTE)["StringValue"]))


async def redrive(dead_letters: Queue, queue: Queue) -> int:
    """Moves every dead letter to `queue`, as SQS's StartMessageMoveTask does; how many there were.

    There each is a new message: with a MessageId of its own, sent now, never received, and at the end of its
    group. It keeps its body and its attributes, the note among them
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html).
    """
    moved = 0
    while letters := await dead_letters.receive(MAX_PER_CALL, 0, LEASE_SECONDS):
        for letter in letters:
            # With the letter's id, as SQS does where it moves a message itself: else one of two that shared
            # a deduplication id would be dropped.
            deduplication_id = letter.message_id if letter.from_fifo else None
            await queue.send(
                Outgoing(letter.body, letter.attributes, letter.group, deduplication_id, letter.trace_header)
            )
        await dead_letters.delete(letters)
        moved += len(letters)
    return moved
