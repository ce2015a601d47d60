"""Messages as their senders write them, and as a worker decodes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from tests.project.corpus.letters import as_stored, letters, received
from tests.support import QUEUE_URL, body_of, text

from shared.dead_letter import Cause, note_of
from shared.delivery import Delivery
from shared.ports.queue import Outgoing
from worker.decode import OnlyFollowUpsError, ReplyTo, decode
from worker.failure import repair_of
from worker.follow.compose import composed, reply_of
from worker.follow.follow_ups import FollowUps
from worker.outcome import Attempt
from zigzag import Failed, Handle, Next, remote, send, task
from zigzag.body import BadMessageError
from zigzag.extra import pointers
from zigzag.extra.publish import put
from zigzag_operate.redriven import redriven

FIFO_URL = f"{QUEUE_URL}.fifo"
LATER = datetime(2027, 1, 1, tzinfo=UTC)
QUEUES = {"default": QUEUE_URL}


class Order(BaseModel):
    number: int
    dishes: list[str] = []


@task(queue="urgent")
def take(order: Order) -> None: ...


TAKE: Handle[dict[str, Any]] = remote("take", dict)


class Kept:
    """A queue that keeps what is sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: list[Outgoing] = []

    async def send(self, message: Outgoing) -> str:
        self.sent.append(message)
        return f"message-{len(self.sent)}"


def written() -> Iterator[tuple[str, Any]]:
    yield from _of_senders()
    yield from _of_workers()
    for what, letter in letters().items():
        message = redriven(received(letter))
        assert message is not None
        yield f"the redrive of {what}", as_stored(message)
    yield (
        "a raw one, marked by the attribute",
        {"body": '{"number": 1}', "attributes": {"task": text("take")}},
    )
    pointer, size = pointers.written("bucket", "prefix/key"), pointers.size_attribute(2_000_000)
    yield "one whose body is in S3", {"body": pointer, "attributes": size}


def _of_senders() -> Iterator[tuple[str, Any]]:
    order = Order(number=1, dishes=["soup", "Käse 🧀"])
    options: dict[str, dict[str, Any]] = {
        "nothing else": {},
        "an id": {"id": "order-1"},
        "a delay": {"delay_seconds": 60},
        "a group": {"group": "table-7"},
        "an expiry": {"expires_at": LATER},
        "a reply": {"reply_to": "answers", "correlation_id": "c-1"},
        "a reply, and an id": {"reply_to": "answers", "id": "order-1"},
    }
    for what, more in options.items():
        yield f"`send` with {what}", _sent(lambda more=more: take.send(order, **more))
    yield "`send` to a FIFO queue", _sent(lambda: take.send(order, group="a", id="order-1"), FIFO_URL)
    yield "`send` by name", _sent(lambda: TAKE.send({"number": 1}))
    yield "`send_many`", _sent(lambda: list(take.send_many([order])))
    yield "`publish`", _sent(lambda: put("take", {"number": 1}, "order-1", None))


def _sent(act: Any, url: str = QUEUE_URL) -> Any:
    queue = Kept(url)
    with send.sending_to(queue):
        act()
    (message,) = queue.sent
    return as_stored(message)


def _of_workers() -> Iterator[tuple[str, Any]]:
    """Yields what a worker sends after a task: the next one, a repair, and replies."""
    attempt = Attempt(1, "cook", "order-1")
    attempt.tasks = ("take",)
    attempt.reply_to = ReplyTo("arn:aws:sqs:us-east-1:123456789012:answers", "c-1")
    delivery = Delivery({"MessageId": "m-1", "Body": "{}"}, QUEUE_URL)
    (one,) = composed(attempt, delivery, Next("take", {"number": 1}), QUEUES).send
    yield "the next task", as_stored(one.message)
    (one,) = composed(attempt, delivery, {"total": 3}, QUEUES).send
    yield "the reply of a success", as_stored(one.message)
    reply = reply_of(attempt, "failed", error="no soup")
    assert reply is not None
    yield "the reply of a failure", as_stored(reply.message)
    body = body_of("cook", {"number": 1}, id="order-1", hops=2)
    cause = Cause("no soup", "cook", "order-1", 3, on_failure="mend")
    failing = Delivery({"MessageId": "m-1", "Body": body}, QUEUE_URL)
    yield "a repair", as_stored(repair_of(failing, cause, decode))


def read(form: Mapping[str, Any]) -> Any:
    """Returns what the worker decodes, whose the message is, and the token of its redrive."""
    delivery = received(form)
    note = {key: value for key, value in note_of(delivery).items() if key != "displaced"}
    return {"note": note, **_decoded(delivery)}


def _decoded(delivery: Delivery) -> dict[str, Any]:
    if pointer := pointers.pointer_of(delivery.body, delivery.attributes):
        return {"pointer": pointer}
    try:
        message = decode(delivery)
    except OnlyFollowUpsError as error:
        return {"follow_ups": FollowUps.from_text(str(error))}
    except BadMessageError:  # a reply: others read it, and no worker runs it
        return {"runs": "nothing"}
    failed = message.failed
    told = None if failed is None else {name: getattr(failed, name) for name in Failed.__match_args__}
    return {"message": message._replace(failed=None), "failed": told}
