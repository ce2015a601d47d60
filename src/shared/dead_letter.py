"""How does a message get to the dead-letter queue, and what does it look like there?

A dead letter is the body as it came, its attributes, and one more, `zigzag`: a note in JSON that
says why, and carries the task's id through a redrive. It is sent, the send is confirmed, and only
then is the message deleted: nothing is deleted that is not stored elsewhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from shared import log
from shared.delivery import Delivery
from shared.ports import Clock, Failed, Outgoing, Queue, QueueError

NOTE = "zigzag"
MOST_ATTRIBUTES = 10
MOST_MESSAGE_BYTES = 1_048_576
"""SQS's limit on a message's body and attributes together
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""

MOST_TRACEBACK_CHARACTERS = 4_000
MOST_REASON_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Death:
    """Why a message is given up, for the person who finds it.

    reason    -- in words; what to do about it, where we know.
    task, id  -- None where the message does not say.
    attempts  -- how often the task was tried.
    error     -- type and text of the last error; `traceback` where it was raised.
    """

    reason: str
    task: str | None = None
    id: str | None = None
    attempts: int = 0
    error: str | None = None
    traceback: str | None = None


async def bury(
    delivery: Delivery, death: Death, queue: Queue, dead_letters: Queue, clock: Clock, random: Random
) -> bool:
    """Moves the message to the dead-letter queue.

    False if that can't be done now: then it is postponed, and comes again.
    """
    letter = compose(delivery, death, clock.now())
    if NOTE not in letter.attributes:
        log.write(logging.WARNING, "dead letter without a note: no room for it", reason=death.reason)
    try:
        await dead_letters.send(letter)
    except QueueError as error:
        log.write(logging.ERROR, "dead letter refused; the message will come again", reason=str(error))
        await _try(queue.postpone([delivery], random.randint(60, 120)), "not postponed")
        return False
    # If the delete fails, the message comes again and is moved again: readers fold by `message_id`.
    await _try(queue.delete([delivery]), "moved to the dead letters, but not deleted")
    return True


async def _try(call: Awaitable[list[Failed]], otherwise: str) -> None:
    try:
        reasons = [failed.reason for failed in await call]
    except QueueError as error:
        reasons = [str(error)]
    if reasons:
        log.write(logging.ERROR, otherwise, reason=reasons[0])


def compose(delivery: Delivery, death: Death, now: float) -> Outgoing:
    """The dead letter, within SQS's limits: the note shrinks, and at last is left out."""
    attributes = original_attributes(delivery)
    letter = Outgoing(
        body=delivery.body,
        attributes=attributes,
        group=delivery.group,
        deduplication_id=delivery.message_id if delivery.from_fifo else None,
        trace_header=delivery.trace_header,
    )
    displaced: dict[str, Any] = {}
    if len(attributes) >= MOST_ATTRIBUTES:
        last = max(attributes)
        displaced = {last: attributes[last]}
        attributes = {name: value for name, value in attributes.items() if name != last}
    for note in _notes(delivery, death, now, displaced):
        said = {key: value for key, value in note.items() if value is not None}
        noted = {**attributes, NOTE: {"DataType": "String", "StringValue": json.dumps(said)}}
        if size(delivery.body, noted) <= MOST_MESSAGE_BYTES:
            return replace(letter, attributes=noted)
    return letter


def original_attributes(delivery: Delivery) -> dict[str, Mapping[str, Any]]:
    """The attributes as the producer sent them: without our note, and with the one that it displaced."""
    attributes = {name: value for name, value in delivery.attributes.items() if name != NOTE}
    return {**attributes, **_displaced(note_of(delivery))}


def note_of(delivery: Delivery) -> dict[str, Any]:
    """The note that a redriven dead letter carries; empty if there is none that can be read."""
    try:
        note = json.loads(delivery.attributes[NOTE]["StringValue"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def size(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """A message's size as SQS counts it, in bytes: body, and attributes' names, types and values."""
    total = len(body.encode())
    for name, attribute in attributes.items():
        value = attribute.get("BinaryValue", attribute.get("StringValue", ""))
        total += len(name.encode()) + len(str(attribute.get("DataType", "")).encode())
        total += len(value if isinstance(value, bytes) else str(value).encode())
    return total


def _notes(
    delivery: Delivery, death: Death, now: float, displaced: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The note from the fullest to the barest."""
    barest = {
        "reason": death.reason[:MOST_REASON_CHARACTERS],
        "id": death.id,
        "message_id": note_of(delivery).get("message_id", delivery.message_id),
        **({"displaced": _with_text(displaced)} if displaced else {}),
    }
    plain = {
        **barest,
        "task": death.task,
        "attempts": death.attempts,
        "sent": delivery.sent_at,
        "died": now,
        "source": delivery.queue_url,
    }
    with_error = {**plain, "error": death.error and death.error[:MOST_REASON_CHARACTERS]}
    yield {**with_error, "traceback": death.traceback and death.traceback[-MOST_TRACEBACK_CHARACTERS:]}
    yield with_error
    yield plain
    yield barest


def _with_text(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Attributes as JSON can hold them: a binary value as hexadecimal."""
    return {
        name: {key: value.hex() if isinstance(value, bytes) else value for key, value in attribute.items()}
        for name, attribute in attributes.items()
    }


def _displaced(note: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    displaced = note.get("displaced")
    if not isinstance(displaced, dict):
        return {}
    try:
        return {
            name: {
                key: bytes.fromhex(value) if key == "BinaryValue" else value
                for key, value in attribute.items()
            }
            for name, attribute in displaced.items()
        }
    except (AttributeError, TypeError, ValueError):
        return {}
