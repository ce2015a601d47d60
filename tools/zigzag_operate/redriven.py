"""The message that a dead letter's redrive sends: its body and attributes as they were, and a token.

The token is made from what the letter is of: the token that its message carried, else its first MessageId. So
two copies of one letter have the same token, and the worker runs one of them to success
(`worker/redrive.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.dead_letter import note_of, with_note
from shared.delivery import Delivery
from shared.ports.queue import Outgoing
from shared.queues import TaskQueue
from zigzag.extra.pointers import pointer_or_none
from zigzag_operate.causes import cause, is_gone
from zigzag_operate.queues import one_of

NO_ROOM = "no room for the token of a redrive: the message is as large as SQS allows"
NO_QUEUE = "of no queue of this stack: say with --queue to which one they go"
GONE = "the payload is gone from the bucket"
OTHER_BUCKET = "the payload is in another bucket than the stack's"


def token_of(letter: Delivery) -> str:
    """Returns the token of a letter's redrive. A letter that kept its message's token has that one."""
    note = note_of(letter)
    if token := note.get("token"):
        return str(token)
    return sha256(str(note.get("from", letter.message_id)).encode()).hexdigest()


def redriven(letter: Delivery, by: str | None = None) -> Outgoing | None:
    """Returns the message, or None if it has no room for its token.

    by -- who redrives it.
    """
    note = note_of(letter)
    token = {"token": token_of(letter)}
    kept = {"message_id": letter.message_id} | {
        key: note[key] for key in ("id", "message_id", "attempts") if key in note
    }
    attributes = with_note(letter, ({**kept, **token, "by": by}, {**kept, **token}, token))
    if attributes is None:
        return None
    # Not the token: within five minutes SQS would drop a second letter that has kept its message's token.
    deduplication_id = letter.message_id if letter.from_fifo else None
    return Outgoing(letter.body, attributes, letter.group, deduplication_id, letter.trace_header)


class Destinations:
    """The queue to which each letter goes: the one that it is of, or that one.

    queues -- the stack's, by name. No other one is sent to: what a note says may be a sender's text.
    others -- the name of the queue for letters that are of none. Raises OperateError if there is none.
    """

    def __init__(self, queues: Mapping[str, TaskQueue], others: str | None = None) -> None:
        self._by_name = {one.url.rpartition("/")[2]: one for one in queues.values()}
        self._of_others = None if others is None else one_of(queues, others)

    def of(self, letter: Delivery, name: str | None) -> str | None:
        """Returns the queue's URL, or None if nobody knows it."""
        alike = {key: one.url for key, one in self._by_name.items() if one.fifo == letter.from_fifo}
        if name in alike:
            return alike[name]
        if (queue := self._of_others) is not None:
            return queue.url if queue.fifo == letter.from_fifo else None
        return next(iter(alike.values())) if len(alike) == 1 else None


class Payloads:
    """The payloads in the stack's bucket, which S3 deletes some time after they were written.

    bucket -- its name, or None if the stack has none.
    s3     -- makes boto3's client.
    """

    def __init__(self, bucket: str | None, s3: Callable[[], Any]) -> None:
        self._bucket = bucket
        self._make = s3
        self._s3: Any = None

    def why_not(self, letter: Delivery) -> str | None:
        """Returns why a letter's payload can't be read, as far as the letter says."""
        pointer = pointer_or_none(letter.body, letter.attributes)
        return OTHER_BUCKET if pointer is not None and pointer.bucket != self._bucket else None

    def renew(self, letter: Delivery) -> str | None:
        """Copies the object that the body points to onto itself, so that its age begins anew. Returns why it
        can't be, or None."""
        if (pointer := pointer_or_none(letter.body, letter.attributes)) is None:
            return None
        self._s3 = self._s3 or self._make()
        place = {"Bucket": pointer.bucket, "Key": pointer.key}
        try:
            found = self._s3.head_object(**place)
            # S3 copies an object onto itself only if something of it changes.
            told = {"MetadataDirective": "REPLACE", "Metadata": found.get("Metadata", {})}
            told |= {"ContentType": found["ContentType"]} if "ContentType" in found else {}
            self._s3.copy_object(**place, **told, CopySource=place, CopySourceIfMatch=found["ETag"])
        except ClientError as error:
            return GONE if is_gone(error) else _unread(error)
        except BotoCoreError as error:
            return _unread(error)
        return None


def _unread(error: ClientError | BotoCoreError) -> str:
    return f"the payload's age can't be renewed: {cause(error)}"
