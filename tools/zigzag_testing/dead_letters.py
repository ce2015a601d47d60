"""Reads the sandbox's dead letters, and moves them back to the task queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.dead_letter import NOTE
from shared.lease import LEASE_SECONDS
from shared.ports.queue import MAX_PER_CALL, Outgoing, Queue

NO_NOTE = {"StringValue": "{}"}
"""The note of a dead letter that had no space for one."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue: its body, and the note with the reason, if it had space."""

    body: str
    note: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.note.get("reason", ""))

    @classmethod
    def of(cls, letter: Outgoing) -> Self:
        return cls(letter.body, json.loads(letter.attributes.get(NOTE, NO_NOTE)["StringValue"]))


async def redrive(dead_letters: Queue, queue: Queue) -> int:
    """Moves every dead letter to `queue`, as SQS's StartMessageMoveTask does. Returns how many there were.

    Each becomes a new message: with a new MessageId, sent now, never received, and at the end of its group.
    It keeps its body and its attributes, with the note
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html).
    """
    moved = 0
    while letters := await dead_letters.receive(MAX_PER_CALL, 0, LEASE_SECONDS):
        for letter in letters:
            # With the letter's id, as SQS does when it moves a message: otherwise one of two letters with the
            # same deduplication id would be dropped.
            deduplication_id = letter.message_id if letter.from_fifo else None
            await queue.send(
                Outgoing(letter.body, letter.attributes, letter.group, deduplication_id, letter.trace_header)
            )
        await dead_letters.delete(letters)
        moved += len(letters)
    return moved
