"""Puts together what sends many payloads of a task. `Handle.send_many` explains the parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from shared.ports.batches import Fate, Unsent
from shared.ports.queue import AlteredError, Outgoing, QueueError
from shared.ports.workers import Meaning
from shared.queues import is_fifo
from zigzag.aws import transport_to
from zigzag.calls import Calls
from zigzag.cutting import Entry, size_of
from zigzag.delivering import Post
from zigzag.errors import BadPayloadError, SendError
from zigzag.handle import Handle
from zigzag.in_place import run_in_place
from zigzag.outbox import Outbox, standing_in, url_of
from zigzag.policy import DEFAULT_POLICY
from zigzag.results import Refused, Result
from zigzag.send import Options, compose
from zigzag.sending import Sending

if TYPE_CHECKING:
    from datetime import datetime

    from shared.ports.objects import Objects

type Group[Payload] = str | Callable[[Payload], str] | None


def send_many[Payload](
    handle: Handle[Payload],
    payloads: Iterable[Payload],
    queue: str | None,
    id: Callable[[Payload], str] | None,
    delay_seconds: int,
    group: Group[Payload],
    idempotent: bool | None,
    expires_at: datetime | None,
) -> Sending[Payload]:
    """Returns the iterator for a queue of AWS, or for the one that stands in its place in a test."""
    outbox = standing_in(queue)
    url = url_of(queue) if outbox is None else outbox.url
    prepare = Preparing(handle, url, id, delay_seconds, group, idempotent, expires_at)
    calls = Calls(_to(url), at_once=True) if outbox is None else Calls(partial(_into, outbox), at_once=False)
    return sending(payloads, prepare, calls)


def sending[Payload](
    payloads: Iterable[Payload], prepare: Preparing[Payload], calls: Calls
) -> Sending[Payload]:
    """Returns the iterator. Raises SendError if no payload could be sent."""
    several = hasattr(type(payloads), "__iter__") or hasattr(type(payloads), "__getitem__")
    one = isinstance(payloads, Mapping | str | bytes) or hasattr(type(payloads), "model_fields")
    if one or not several:
        raise SendError(
            f"send_many(…) takes several payloads, such as a list, not one {type(payloads).__name__}"
        )
    prepare.check()
    return Sending(prepare.name, payloads, prepare, calls, fifo=prepare.fifo)


class Preparing[Payload]:
    """Makes the messages of a task's payloads for the queue at `url`.

    bucket -- as for `zigzag.send.compose`.
    """

    def __init__(
        self,
        handle: Handle[Payload],
        url: str,
        id: Callable[[Payload], str] | None = None,
        delay_seconds: int = 0,
        group: Group[Payload] = None,
        idempotent: bool | None = None,
        expires_at: datetime | None = None,
        bucket: Objects | None = None,
    ) -> None:
        self.name = handle.name
        self.fifo = is_fifo(url)
        self._handle = handle
        self._url = url
        self._id = id
        self._delay_seconds = delay_seconds
        self._group = group
        self._expires_at = expires_at
        self._bucket = bucket
        policy = getattr(handle, "policy", DEFAULT_POLICY)
        self._idempotent = policy.idempotent if idempotent is None else idempotent

    def check(self) -> None:
        """Raises SendError for what is wrong with each message."""
        if self._id is not None and not callable(self._id):
            raise SendError(
                "send_many(…, id=…) takes a function of the payload: each message has an id of its own"
            )
        group = "any" if callable(self._group) else self._group
        compose(self.name, {}, self._options(None, group), self._url)

    def __call__(self, index: int, payload: Payload) -> Entry | Refused:
        id = group = None
        try:
            checked = self._handle.check(payload)
            id = None if self._id is None else self._id(payload)
            group = self._group(payload) if callable(self._group) else self._group
            message = compose(self.name, checked, self._options(id, group), self._url, bucket=self._bucket)
        except SendError as error:
            result = Result(index, payload, "refused", None, id, str(error))
            holds_back = isinstance(group, str) and not isinstance(error, BadPayloadError)
            return Refused(result, group if holds_back else None)
        except StopIteration as error:  # it would look like the end of the payloads
            raise RuntimeError("a function of send_many(…) raised StopIteration") from error
        return Entry(index, payload, id, message, size_of(message), self._may_repeat(id))

    def _options(self, id: str | None, group: str | None) -> Options:
        return Options(id, self._delay_seconds, group, expires_at=self._expires_at)

    def _may_repeat(self, id: str | None) -> bool:
        """Returns whether a message may be sent again though the queue may have it.

        A FIFO queue drops the second one itself, for five minutes
        (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html).
        """
        by_payload = callable(self._idempotent)
        return self.fifo or by_payload or (bool(self._idempotent) and id is not None)


def _to(url: str) -> Post:
    """Returns what makes a call to SQS."""
    from shared.aws.sqs_batches import SqsBatches

    # boto's own processor time limits how many calls are made at once. The lean client serves a process whose
    # credentials are in its variables; boto serves any other, and one whose sockets gevent or eventlet
    # replaced.
    usual = "boto" if {"gevent", "eventlet"} & sys.modules.keys() else "lean"
    batches = SqsBatches(transport_to(url, attempts=1, usual=usual), url)
    return lambda messages: run_in_place(batches.send(messages))


def _into(outbox: Outbox, messages: Sequence[Outgoing]) -> list[Fate]:
    def sent(message: Outgoing) -> Fate:
        try:
            return run_in_place(outbox.send(message))
        except AlteredError as error:
            return Unsent(error.code, error.reason, Meaning.AMBIGUOUS, lasts=True)
        except QueueError as error:  # a queue in memory means what it says
            return Unsent(error.code, error.reason, Meaning.DEFINITE)

    return [sent(message) for message in messages]
