"""Decodes a message: reads task, payload and id from its body and attributes, or says why it can't.

The body is JSON: `{"task": "resize_image", "payload": {…}, "id": "…"}`. All but the task may be missing;
`expires_at`, `delay_seconds`, `reply_to` and `correlation_id` may be there, and other keys are ignored. A
message attribute `task` marks a raw body: then the whole body is the payload. A body that names no task may
be a foreign sender's: `worker/foreign/senders.py` knows some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.dead_letter import note_of, original_attributes
from shared.delivery import Delivery
from shared.ports.queue import MAX_DELAY_SECONDS
from zigzag import BadPayloadError, Failed, Task
from zigzag.body import BadMessageError, NoTaskError, expiry, kind, read, reply_of, task_id, task_name

if TYPE_CHECKING:
    from worker.large import Reader

type Decode = Callable[[Delivery], Message]

FOLLOW_UPS = "follow_ups"
"""The key of a body that names no task, and has what is to be sent after one that is done."""


class ReplyTo(NamedTuple):
    """The address of a reply, as the message says it, and what the receiver knows it by."""

    to: str
    correlation_id: str


_PLAIN = {"task", "payload", "id"}


class Message(NamedTuple):
    """The content of a message.

    id     -- the producer's, else the one from before a redrive, else the first MessageId.
    failed -- the task that this one repairs, or None.
    expires_at -- the time after which it must not start for the first time, in epoch seconds; or None.
    delay_seconds -- for how long SQS hid it after it was sent, as the sender says.
    reply_to -- where a reply goes, or None.
    hops   -- how many tasks ran before it, of which each named the next.
    """

    task: str
    payload: dict[str, Any]
    id: str
    failed: Failed | None = None
    expires_at: float | None = None
    delay_seconds: float = 0.0
    reply_to: ReplyTo | None = None
    hops: int = 0


class NothingToDoError(Exception):
    """The message asks for no task, and is done: S3's test of a notification. The text says so."""


class OnlyFollowUpsError(Exception):
    """The message asks for no task, but for what follows one that is done. The text is its body."""


def decode(delivery: Delivery, reader: Callable[[], Reader] | None = None) -> Message:
    """Returns the message of a delivery.

    reader -- makes the reader of a body that is in S3, or None if the stack reads none.

    Raises BadMessageError, whose text is for the person who finds the dead letter; NothingToDoError;
    OnlyFollowUpsError; BrokenTaskError if a line of EVENTS can't be read; and AwayError if the body is in S3,
    and can't be read now.
    """
    text = delivery.body
    if text.lstrip().startswith("["):  # perhaps a pointer to an object in S3, which has the body
        from worker.large import text_of

        text = text_of(delivery, reader)
    raw = original_attributes(delivery).get("task")
    if raw is not None:
        return raw_message(raw.get("StringValue"), read(text), delivery)
    try:
        body = read(text)
        if FOLLOW_UPS in body and "task" not in body and text is delivery.body:  # no letter is in a bucket
            raise OnlyFollowUpsError(text)
        return own_message(body, delivery)
    except NoTaskError as error:
        refused = str(error)  # and no more: its traceback holds the body's values
    from worker.foreign.senders import message_of  # loaded for foreign bodies only

    return message_of(delivery, text, refused)


def raw_message(name: Any, body: dict[str, Any], delivery: Delivery, id: str | None = None) -> Message:
    """Returns the message of a raw body, whose attribute names the task. Raises BadMessageError."""
    if not isinstance(name, str) or not name:
        raise BadMessageError("the attribute `task` is no text; it must be the name of a task")
    # SNS's filter may have looked at the body's, where an array fits by any of its elements.
    if isinstance(own := body.get("task"), str | list) and own != name:
        raise BadMessageError(
            "the attribute `task` and the body's own `task` differ: leave the attribute out, or give the key "
            "in the body another name"
        )
    return Message(task_name(name), body, id_of(id, delivery))


def own_message(body: dict[str, Any], delivery: Delivery, id: str | None = None) -> Message:
    """Returns the message of a body in our own form. Raises BadMessageError.

    id -- instead of the MessageId, if the body has none.
    """
    payload = body.get("payload", {})
    name = task_name(body.get("task"))
    if not isinstance(payload, dict):
        raise BadMessageError(f"`payload` is {kind(payload)}; it must be a JSON object")
    chosen = body.get("id")
    chosen = id_of(id if chosen is None else chosen, delivery)
    if body.keys() <= _PLAIN:  # as most
        return Message(name, payload, chosen)
    failed, expires_at = _failed(body), expiry(body.get("expires_at"))
    return Message(
        name, payload, chosen, failed, expires_at, _delay(body), _reply_to(body, chosen), _hops(body)
    )


def payload_of(task: Task[Any, Any, Any], message: Message) -> Any:
    """Returns the payload as the task takes it. Raises BadMessageError if it does not fit. A BadPayloadError,
    in contrast, comes from a send in the task's own code."""
    try:
        return task.parse(message.payload)
    except BadPayloadError as error:
        raise BadMessageError(str(error)) from None


def _failed(body: dict[str, Any]) -> Failed | None:
    """Returns the body's `failed`, as `worker.failure` writes it. Anything else there is ignored."""
    said = body.get("failed")
    if not isinstance(said, dict):
        return None
    fields: list[Any] = [said.get(name) for name in Failed.__match_args__]
    task, id, reason, attempts, before = fields
    if not isinstance(before, list) or type(attempts) is not int:
        return None
    if not all(isinstance(one, str) for one in (task, id, reason, *before)):
        return None
    return Failed(task, id, reason, attempts, tuple(before))


def _delay(body: dict[str, Any]) -> float:
    """Returns the body's `delay_seconds`. Anything that SQS would not take is ignored."""
    said: Any = body.get("delay_seconds")
    return float(said) if type(said) in (int, float) and 0 < said <= MAX_DELAY_SECONDS else 0.0


def _reply_to(body: dict[str, Any], id: str) -> ReplyTo | None:
    """Returns where the body asks for a reply, known by the task's id if it says nothing else."""
    said = reply_of(body)
    return None if said is None else ReplyTo(said[0], said[1] or id)


def _hops(body: dict[str, Any]) -> int:
    """Returns the body's `hops`, as a worker writes it. Anything else there is ignored."""
    said: Any = body.get("hops")
    return max(0, said) if type(said) is int else 0


def id_of(chosen: Any, delivery: Delivery) -> str:
    """Returns the task's id: the chosen one, or that of the delivery. Raises BadMessageError."""
    if chosen is None:
        note = note_of(delivery)
        chosen = note.get("id") or note.get("message_id") or delivery.message_id
    return task_id(chosen)
