"""Moves a message to the dead-letter queue, as a dead letter.

It has the message's body and attributes, and one more attribute, `zigzag`: a note in JSON that gives the
reason, and keeps the task's id through a redrive. Only once the letter is stored, the message is deleted.

A producer can set an attribute of that name, too. So we read only notes that we could have written: a letter
that SQS refuses would come again and again.

A message that `zigzag dead-letters redrive` has sent carries a token in its note, whose record lets it run to
success once (`worker/redrive.py`). A letter's note says where its next token comes `from`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from enum import Enum
from random import Random
from typing import Any, NamedTuple

from shared import log
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.queue import REFUSED_CHARACTERS, Outgoing, Queue, QueueError, Refused
from shared.settings import function_version

NOTE = "zigzag"
MAX_ATTRIBUTES = 10
MAX_MESSAGE_BYTES = 1_048_576
"""SQS's limit on a message's body and attributes together
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""

MAX_TRACEBACK_CHARACTERS = 4_000
MAX_REASON_CHARACTERS = 1_000
_SHA256 = "[0-9a-f]{64}"
MAX_ID_CHARACTERS = 1_000
"""A longer id is not in the note. Only a body can have such an id, and it still has it after a redrive."""


class Cause(NamedTuple):
    """The cause of a move to the dead letters, for the person who finds the letter.

    reason    -- a text, with the remedy if we know one.
    task, id  -- None if the message does not say.
    attempts  -- how often the task was tried.
    error     -- type and text of the last error; `traceback` is its traceback.
    on_failure -- what the task's policy asks for besides: "notify", or the name of the task that repairs it.
    unsent    -- what is to be sent before the letter of a failure, or what that of a done task holds.
    """

    reason: str
    task: str | None = None
    id: str | None = None
    attempts: int = 0
    error: str | None = None
    traceback: str | None = None
    on_failure: str | None = None
    unsent: str | None = None

    def to_text(self) -> str:
        """Returns a short text for the record, without the traceback, while the letter can't be stored."""
        id = self.id if _is_id(self.id) else None
        error = self.error and self.error[:MAX_REASON_CHARACTERS]
        reason, more = self.reason[:MAX_REASON_CHARACTERS], [None, self.on_failure, self.unsent]
        said = [reason, self.task, id, self.attempts, error, *more]
        return json.dumps(said[: 8 if self.unsent else 7 if self.on_failure else 5])

    @classmethod
    def from_text(cls, text: str) -> Cause:
        return cls(*json.loads(text))


class Move(Enum):
    """The result of a move to the dead-letter queue."""

    MOVED = "moved"
    COPIED = "copied"  # the letter is stored, but the message comes again: its delete failed
    REFUSED = "refused"  # the message is postponed and comes again


async def move_to_dead_letters(
    delivery: Delivery, cause: Cause, queue: Queue, dead_letters: Queue, clock: Clock, random: Random
) -> Move:
    """Moves the message to the dead-letter queue. Never raises for an error of AWS."""
    if not await store(delivery, cause, queue, dead_letters, clock, random):
        return Move.REFUSED
    return Move.MOVED if await remove(delivery, queue) else Move.COPIED


async def store(
    delivery: Delivery,
    cause: Cause,
    queue: Queue,
    dead_letters: Queue,
    clock: Clock,
    random: Random,
    *,
    spent: bool = False,
) -> bool:
    """Sends the letter. Returns whether it is stored; if not, the message is postponed."""
    letter = compose(delivery, cause, clock.now(), spent)
    if NOTE not in letter.attributes:
        log.write(logging.WARNING, "dead letter without a note: no room for it", reason=cause.reason)
    try:
        await dead_letters.send(letter)
    except QueueError as error:
        log.write(logging.ERROR, "dead letter refused; the message will come again", reason=str(error))
        await _try(queue.change_visibility([delivery], random.randint(60, 120)), "not postponed")
        return False
    return True


async def remove(delivery: Delivery, queue: Queue) -> bool:
    """Deletes a message whose letter is stored. Returns whether it did; if not, it is moved again."""
    return await _try(queue.delete([delivery]), "moved to the dead letters, but not deleted")


async def _try(call: Awaitable[list[Refused]], otherwise: str) -> bool:
    try:
        reasons = [failed.reason for failed in await call]
    except QueueError as error:
        reasons = [str(error)]
    if reasons:
        log.write(logging.ERROR, otherwise, reason=reasons[0])
    return not reasons


def compose(delivery: Delivery, cause: Cause, now: float, spent: bool = False) -> Outgoing:
    """Returns the dead letter, within SQS's limits: the note is shortened, or left out in the end.

    spent -- whether the message's token is used up, if a redrive gave it one: then the letter's redrive makes
             the next token from it. Otherwise the letter keeps it.
    """
    delivery = delivery.read_once()
    # SQS drops a second letter with the same id. One whose token is used up must not be dropped for one that
    # keeps it.
    once = f"{delivery.message_id}-spent" if spent else delivery.message_id
    letter = Outgoing(
        body=delivery.body,
        attributes=original_attributes(delivery),
        group=delivery.group,
        deduplication_id=once if delivery.from_fifo else None,
        trace_header=delivery.trace_header,
    )
    noted = with_note(delivery, _notes(delivery, cause, now, spent))
    return letter if noted is None else letter._replace(attributes=noted)


def with_note(delivery: Delivery, notes: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]] | None:
    """Returns the message's attributes with the first of the notes that fits, or None if none does."""
    attributes = {name: value for name, value in delivery.attributes.items() if name != NOTE}
    displaced = note_of(delivery).get("displaced", {})
    if len(attributes) >= MAX_ATTRIBUTES:
        last = max(attributes)
        displaced = {last: attributes[last]}
        attributes = {name: value for name, value in attributes.items() if name != last}
    more = _displaced_as_text(displaced) if displaced else {}
    for note in notes:
        said = {key: value for key, value in {**note, **more}.items() if value is not None}
        noted = {**attributes, NOTE: {"DataType": "String", "StringValue": json.dumps(said)}}
        if size(delivery.body, noted) <= MAX_MESSAGE_BYTES:
            return noted
    return None


def original_attributes(delivery: Delivery) -> dict[str, Mapping[str, Any]]:
    """Returns the producer's attributes: without our note, and with the attribute that it displaced."""
    attributes = {name: value for name, value in delivery.attributes.items() if name != NOTE}
    return {**note_of(delivery).get("displaced", {}), **attributes}


def note_of(delivery: Delivery) -> dict[str, Any]:
    """Returns `id`, `message_id`, `from`, `token`, `by`, `displaced`, and `attempts` if 0, of a note."""
    try:  # most messages have no attributes: no error is raised for them
        note = json.loads(delivery.attributes[NOTE]["StringValue"]) if delivery.attributes else None
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    if not isinstance(note, dict):
        return {}
    found = {key: note[key] for key in ("id", "message_id", "from", "by") if _is_id(note.get(key))}
    found |= {"attempts": 0} if note.get("attempts") == 0 else {}
    if isinstance(token := note.get("token"), str) and re.fullmatch(_SHA256, token):
        found["token"] = token
    return {**found, "displaced": one} if (one := _displaced(note.get("displaced"))) else found


def size(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """Returns a message's size in bytes as SQS counts it: body, and attributes' names, types and values."""
    total = len(body.encode())
    for name, attribute in attributes.items():
        value = attribute.get("BinaryValue", attribute.get("StringValue", ""))
        total += len(name.encode()) + len(str(attribute.get("DataType", "")).encode())
        total += len(value if isinstance(value, bytes) else str(value).encode())
    return total


def _notes(delivery: Delivery, cause: Cause, now: float, spent: bool) -> Iterator[dict[str, Any]]:
    """Yields the note in five lengths, the longest first."""
    before = note_of(delivery)
    token, first = before.get("token"), before.get("message_id", delivery.message_id)
    shortest = {"from": token or delivery.message_id} if spent or token is None else {"token": token}
    never_started = "message_id" not in before or "attempts" in before  # before its redrive
    barest = {
        "reason": cause.reason[:MAX_REASON_CHARACTERS],
        "id": cause.id if _is_id(cause.id) else None,
        "message_id": first,
        "source": delivery.queue_url,
        **shortest,
    }
    plain = {
        **barest,
        "redriven_as": delivery.message_id if delivery.message_id != first else None,
        "redriven_by": before.get("by"),
        "version": function_version(),
        "task": cause.task,
        "attempts": cause.attempts or (0 if never_started else None),
        "on_failure": cause.on_failure,
        "sent": delivery.sent_at,
        "moved": now,
    }
    with_error = {**plain, "error": cause.error and cause.error[:MAX_REASON_CHARACTERS]}
    yield {**with_error, "traceback": cause.traceback and cause.traceback[-MAX_TRACEBACK_CHARACTERS:]}
    yield with_error
    yield plain
    yield barest
    yield shortest


def _is_id(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_ID_CHARACTERS
        and not re.search(REFUSED_CHARACTERS, value)
    )


def _displaced_as_text(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    from shared.displaced import written  # few messages have ten attributes

    return {"displaced": written(attributes)}


def _displaced(value: Any) -> dict[str, dict[str, Any]]:
    if value is None:
        return {}
    from shared.displaced import read  # few messages have ten attributes

    return read(value, NOTE)
