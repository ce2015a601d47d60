"""Dead letters as workers write them, and as an operator's tool reads and redrives them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support import QUEUE_URL, a_delivery, binary, body_of, text

from shared.dead_letter import NOTE, Cause, compose, note_of, original_attributes
from shared.delivery import Delivery
from shared.ports.queue import Outgoing
from worker.follow.follow_ups import FollowUp, FollowUps
from worker.follow.letters import holding
from zigzag_operate.letters import letter_of
from zigzag_operate.redriven import token_of

NOW = 1_800_000_000.0
SENT = {"SentTimestamp": "1799999000000"}
TOKEN = "5f" * 32
BODY = body_of("cook", {"number": 1})
CAUSE = Cause(
    "failed after 3 attempts: ValueError: no soup",
    "cook",
    "order-1",
    3,
    "ValueError: no soup",
    "Traceback …",
    "mend",
)
NEXT = FollowUp(QUEUE_URL, "ab" * 32, body_of("take"))
UNSENT = FollowUps("cook", "order-1", (NEXT,), (FollowUp(f"{QUEUE_URL}.fifo", "cd" * 32, "{}", "a"),))


def letters() -> dict[str, Any]:
    """Returns today's letters by their names, as they are stored."""
    return {what: as_stored(letter) for what, letter in _letters()}


def _letters() -> Iterator[tuple[str, Outgoing]]:
    plain = a_delivery(BODY, system=SENT)
    yield "a letter with everything", compose(plain, CAUSE, NOW)
    yield "a letter without a task", compose(a_delivery("no JSON", system=SENT), Cause("no JSON"), NOW)
    ten = {f"name{number}": binary(b"\x00\xff") for number in range(10)}
    yield "a letter of ten attributes", compose(a_delivery(BODY, attributes=ten, system=SENT), CAUSE, NOW)
    own = {"shop": text("Käse"), "size": {"DataType": "Number", "StringValue": "3"}}
    yield "a letter with attributes", compose(a_delivery(BODY, attributes=own, system=SENT), CAUSE, NOW)
    fifo = {**SENT, "MessageGroupId": "a", "MessageDeduplicationId": "d-1", "AWSTraceHeader": "Root=1"}
    yield "a letter of a FIFO queue", compose(a_delivery(BODY, system=fifo), CAUSE, NOW)
    again = _noted({"id": "order-1", "message_id": "m-0", "token": TOKEN})
    yield "a letter whose token is used up", compose(again, CAUSE, NOW, spent=True)
    yield "a letter that keeps its token", compose(again, CAUSE._replace(attempts=0), NOW)
    never = _noted({"id": "order-1", "message_id": "m-0", "token": TOKEN, "attempts": 0})
    yield "a letter of a message that never started", compose(never, CAUSE._replace(attempts=0), NOW)
    room = 1_048_576 - 200
    yield "the shortest note", compose(a_delivery("x" * room, system=SENT), CAUSE, NOW)._replace(body=BODY)
    done = CAUSE._replace(reason="done; not sent", unsent=UNSENT.to_text())
    yield "a letter of a done task", compose(holding(plain, done), done, NOW)


def _noted(note: Mapping[str, Any]) -> Delivery:
    return a_delivery(BODY, attributes={NOTE: text(json.dumps(note))}, system=SENT)


def as_stored(message: Outgoing) -> dict[str, Any]:
    """Returns what SQS is asked to store, without what is empty."""
    said = {**message._asdict(), "attributes": _as_text(message.attributes)}
    return {key: value for key, value in said.items() if value}


def _as_text(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {key: one.hex() if isinstance(one, bytes) else one for key, one in attribute.items()}
        for name, attribute in attributes.items()
    }


def received(form: Mapping[str, Any]) -> Delivery:
    """Returns a stored message as it is received, under an id of its own."""
    attributes = {
        name: {key: bytes.fromhex(one) if key == "BinaryValue" else one for key, one in attribute.items()}
        for name, attribute in form.get("attributes", {}).items()
    }
    fifo = {"MessageDeduplicationId": form["deduplication_id"]} if "deduplication_id" in form else {}
    group = {"MessageGroupId": form["group"]} if "group" in form else {}
    message = a_delivery(form["body"], attributes=attributes, system={**SENT, **group, **fifo}).message
    return Delivery({**message, "MessageId": "m-9"}, QUEUE_URL)


def written() -> Iterator[tuple[str, Any]]:
    yield from letters().items()


def read(form: Mapping[str, Any]) -> Any:
    """Returns what `./zigzag dead-letters` shows and redrives, and what a worker keeps of the note."""
    delivery = received(form)
    shown = letter_of(delivery.message, payload=True)
    return {
        "shown": {name: getattr(shown, name) for name in shown.__dataclass_fields__ if name != "group"},
        "note": note_of(delivery),
        "token": token_of(delivery),
        "attributes": original_attributes(delivery),
    }
