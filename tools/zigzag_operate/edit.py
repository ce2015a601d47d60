"""Sends one dead letter back with another body, if its task has not begun again since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.boto import BotoTransport
from shared.aws.dynamodb_records import EXPIRES, KEY
from shared.aws.sqs_queue import SqsQueue
from shared.delivery import Delivery
from shared.lease import RECORD_SECONDS
from shared.ports.queue import Outgoing, QueueError
from shared.ports.records import record_key
from tasks import TASKS
from worker.decode import NothingToDoError, OnlyFollowUpsError, decode, payload_of
from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag.body import BadMessageError
from zigzag.extra.pointers import pointer_or_none
from zigzag.in_place import run_in_place
from zigzag_operate.acting import Acting, saving
from zigzag_operate.causes import cause
from zigzag_operate.dead_letters import Filter, check, letter_queues
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.letters import letter_of
from zigzag_operate.looking import digest_of, look
from zigzag_operate.queues import origins_of
from zigzag_operate.redriven import NO_QUEUE, NO_ROOM, Destinations, redriven, token_of
from zigzag_operate.target import Stack, Target
from zigzag_operate.who import caller

IN_S3 = "its payload is in S3: replace the object there, and redrive the letter"
DONE = "its task is done, and it holds what follows it: redrive it, and that is sent; or drop it"
UNCHANGED = "the body is as it was, so nothing was sent: redrive the letter"
NOT_THERE = "the letter is not there any more, or somebody else has it. Nothing was sent"


@dataclass(frozen=True, slots=True)
class Edited:
    """A letter whose message was sent with another body, and the new message's id."""

    letter_id: str
    message_id: str
    queue_url: str


def edit(
    target: Target,
    which: Filter,
    change: Callable[[str], str],
    *,
    queue: str | None = None,
    save: Path | None = None,
) -> Edited:
    """Sends the only letter that matches with the body that `change` returns for its own, and deletes it.

    queue -- the name of the queue, if the letter is of none of the stack's.
    save  -- a file to whose end the letter is written before.

    Both bodies have one token. So one of them runs, should a redrive have sent the old one at the same time.
    Raises OperateError, and sends nothing, if none or more letters match, if the letter's task has begun
    again since, and if the new body fits no task. Needs `dynamodb:GetItem` of the table of records besides
    what a redrive needs.
    """
    stack, sqs = target.stack_as_it_is(), target.client("sqs")
    letter = _only(target, sqs, which)
    url = _destination(stack, letter, queue)
    if pointer_or_none(letter.body, letter.attributes) is not None:
        raise OperateError(IN_S3, Kind.WRONG)
    if _is_done(letter):
        raise OperateError(DONE, Kind.WRONG)
    _check_not_begun(target, stack, letter)
    new = _changed(letter, change, caller(target))
    editing = _Editing(SqsQueue(BotoTransport(attempts=1, clients={"sqs": sqs}), url), new)
    editing.check = lambda: _check_not_begun(target, stack, letter)
    only = {digest_of(letter.message)}
    acting = Acting(sqs, Filter(), editing.send, only=only, limit=1, save=saving(target, save))
    acted = acting.at(letter_queues(target), Event())
    if editing.message_id is None:
        raise OperateError(acted.stopped or NOT_THERE)
    if not acted.done:
        raise OperateError(
            f"the edited message was sent, as {editing.message_id}, but the old letter is still there: drop "
            f"it. Redriven, one of both runs. {acted.stopped or ', '.join(acted.left)}"
        )
    return Edited(letter.message_id, editing.message_id, url)


class _Editing:
    """Sends the changed message. `check` raises OperateError if the letter's task has begun."""

    check: Callable[[], None]

    def __init__(self, queue: SqsQueue, message: Outgoing) -> None:
        self._queue = queue
        self._message = message
        self.message_id: str | None = None

    def send(self, letters: Sequence[Delivery]) -> Sequence[Delivery]:
        self.check()
        try:
            self.message_id = run_in_place(self._queue.send(self._message))
        except QueueError as error:
            raise OperateError(
                f"the edited message was refused, or no answer came: {error}. The letter stays. Should SQS "
                "have the new message all the same, one of both runs"
            ) from error
        return letters


def _only(target: Target, sqs: Any, which: Filter) -> Delivery:
    found: list[Mapping[str, Any]] = []

    def each(message: Mapping[str, Any]) -> bool:
        if which.matches(letter_of(message)):
            found.append(message)
        return len(found) == 2

    seen = look(sqs, letter_queues(target), each)
    check(which, len(found), seen)
    if len(found) != 1:
        many = "more than one dead letter matches" if found else "there are no dead letters"
        raise OperateError(f"{many}: name one by its --id, as `show` tells it", Kind.WRONG)
    return Delivery(found[0])


def _destination(stack: Stack, letter: Delivery, queue: str | None) -> str:
    url = Destinations(origins_of(stack), queue).of(letter, letter_of(letter.message).queue)
    if url is None:
        raise OperateError(f"the letter is {NO_QUEUE}", Kind.WRONG)
    return url


def _is_done(letter: Delivery) -> bool:
    try:
        decode(letter)
    except OnlyFollowUpsError:
        return True
    except (BadMessageError, BrokenTaskError, NothingToDoError):
        pass
    return False


def _check_not_begun(target: Target, stack: Stack, letter: Delivery) -> None:
    """Raises OperateError if the letter's task has begun again, or if that can't be known."""
    key = {KEY: {"S": record_key("redrive", token_of(letter))}}
    try:
        answer = target.client("dynamodb").get_item(
            TableName=stack.outputs["RecordsTableName"], Key=key, ConsistentRead=True
        )
    except (BotoCoreError, ClientError) as error:
        said = f"whether the letter's task has begun again can't be known: {cause(error)}. Nothing was sent"
        raise OperateError(said) from error
    if (item := answer.get("Item")) is None:
        return
    at = datetime.fromtimestamp(int(item[EXPIRES]["N"]) - RECORD_SECONDS, UTC)
    state = "is done" if "done" in item else "has begun again"
    raise OperateError(
        f"the letter was redriven, and its task {state}: {at:%Y-%m-%d %H:%M:%S} UTC. Nothing was sent. "
        "Redrive it, and edit the letter that comes of it, if one does",
        Kind.WRONG,
    )


def _changed(letter: Delivery, change: Callable[[str], str], by: str) -> Outgoing:
    """Returns the message with the new body. Raises OperateError if no task takes it."""
    body = change(letter.body)
    if body == letter.body:
        raise OperateError(UNCHANGED, Kind.WRONG)
    changed = Delivery({**letter.message, "Body": body})
    try:
        message = decode(changed)
        payload_of(find(message.task, TASKS), message)
    except (BadMessageError, NoSuchTaskError, BrokenTaskError, NothingToDoError) as error:
        raise OperateError(f"{error}. Nothing was sent", Kind.BAD_PAYLOAD) from error
    except OnlyFollowUpsError:  # its text is the body
        raise OperateError("the body names no task. Nothing was sent", Kind.BAD_PAYLOAD) from None
    if (sent := redriven(changed, by)) is None:
        raise OperateError(NO_ROOM, Kind.BAD_PAYLOAD)
    if sent.deduplication_id is None:
        return sent
    # Otherwise SQS would drop it for five minutes, should the old body have been sent.
    return sent._replace(deduplication_id=sha256(f"{letter.message_id} {body}".encode()).hexdigest())
