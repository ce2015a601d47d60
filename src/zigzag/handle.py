"""A handle: a task's name and the type of its payload, which is enough to send."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from shared.queues import is_url
from zigzag.errors import BadPayloadError, TaskDefinitionError

if TYPE_CHECKING:
    from datetime import datetime

    from zigzag.sending import Sending
    from zigzag.values import Next

_MAX_LISTED, _MAX_NAMED = 1_000, 10
"""Most errors of a payload that are listed, and most that are named. Pydantic lists all or none, at half a
kilobyte each; and a person has to read the reason."""

_MAX_REASON_CHARACTERS = 1_000


class Handle[Payload]:
    """Checks payloads for a task and sends them.

    name  -- the task's name, which a message gives as its `task`.
    model -- the payload's pydantic model, or None for a plain `dict`.
    queue -- the name or the URL of the queue that it is sent to; None is the stack's first one.
    """

    def __init__(self, name: str, model: Any, queue: str | None = None) -> None:
        self.name = name
        self.model = model
        self.queue = queue
        if queue is not None and not _names_a_queue(queue):
            raise TaskDefinitionError(
                f"queue of {name} is {queue!r}; it may be a queue's name, of letters and digits, or its URL"
            )

    def send(
        self,
        payload: Payload,
        *,
        queue: str | None = None,
        id: str | None = None,
        delay_seconds: int = 0,
        group: str | None = None,
        deduplication_id: str | None = None,
        at: datetime | None = None,
        expires_at: datetime | None = None,
        reply_to: str | None = None,
        correlation_id: str | None = None,
    ) -> str:
        """Sends one message for this task and returns its MessageId, or schedules it: see `at`.

        queue            -- the name or the URL of the queue; without it, the task's own queue.
        id               -- the task's id; without it, the MessageId.
        delay_seconds    -- seconds for which the message stays hidden; 0 is the queue's own delay. More than
                            900 are a time `at`. A FIFO queue refuses up to 900.
        at               -- when it is sent; a datetime with a time zone. If that is more than 15 minutes from
                            now, a schedule sends it within the minute that follows, by the parameter
                            Scheduler. `send` returns the task's id then, and refuses it until it is sent.
        group            -- required on a FIFO queue: the tasks of a group run in the order sent. On a
                            standard queue it keeps a busy group from delaying the others.
        deduplication_id -- FIFO only: if a group gets several messages with the same one within five minutes,
                            SQS keeps only the first. Without it, task and `id` count, or else the bodies.
        expires_at       -- a datetime with a time zone: a message that is received later, and has not started
                            before, never starts. The task's `on_expiry` says what becomes of it.
        reply_to         -- the name, the ARN or the URL of a queue or topic that the parameter ReplyTo names:
                            there comes a reply, with `correlation_id`, or else the task's id.

        The variables `ZIGZAG_QUEUE_URL` and `ZIGZAG_QUEUES` have the URLs; docs/tasks.md lists the other
        requirements. Raises BadPayloadError, PayloadTooLargeError, AlreadyScheduledError, or SendError.
        """
        from zigzag.send import Options, put  # a task that sends nothing does not load it

        chosen = Options(id, delay_seconds, group, deduplication_id, at, expires_at, reply_to, correlation_id)
        return put(self.name, self.check(payload), chosen, self._queue(queue))

    async def send_async(
        self,
        payload: Payload,
        *,
        queue: str | None = None,
        id: str | None = None,
        delay_seconds: int = 0,
        group: str | None = None,
        deduplication_id: str | None = None,
        at: datetime | None = None,
        expires_at: datetime | None = None,
        reply_to: str | None = None,
        correlation_id: str | None = None,
    ) -> str:
        """Sends like `send`, in another thread, so that an event loop goes on meanwhile.

        A call that is cancelled may have sent its message.
        """
        from zigzag.in_thread import run_in_thread
        from zigzag.send import Options, put

        chosen = Options(id, delay_seconds, group, deduplication_id, at, expires_at, reply_to, correlation_id)
        # The check as well: of a large payload it takes a second.
        return await run_in_thread(lambda: put(self.name, self.check(payload), chosen, self._queue(queue)))

    def send_many(
        self,
        payloads: Iterable[Payload],
        *,
        queue: str | None = None,
        id: Callable[[Payload], str] | None = None,
        delay_seconds: int = 0,
        group: str | Callable[[Payload], str] | None = None,
        idempotent: bool | None = None,
        expires_at: datetime | None = None,
    ) -> Sending[Payload]:
        """Returns an iterator that sends the payloads in batches, and yields a result for each, in order.

        Nothing is sent before it is iterated over: use it in a `for`, or call its `finish()`. It reads the
        payloads as it goes, so a generator of millions takes little memory.

        id         -- returns the task's id for a payload; without it, the MessageId is the id.
        group      -- as for `send`, or a function that returns it for a payload.
        idempotent -- whether the task is idempotent, for a handle of `remote`; a task says so itself. Only
                      then is a message that has an id sent again after its answer was lost.

        The other parameters are those of `send`. Raises SendError if none of them could be sent.
        """
        from zigzag import many

        return many.send_many(
            self, payloads, self._queue(queue), id, delay_seconds, group, idempotent, expires_at
        )

    def then(self, payload: Payload, *, queue: str | None = None, group: str | None = None) -> Next:
        """Returns this task as the next one, for a task to return: it is sent once that one is done.

        queue -- the name or the URL of a queue of the stack; without it, the task's own, or else the queue of
                 the message that is done.
        group -- on a FIFO queue; without it, the group of the message that is done.

        Raises the errors of `send`, and changes of the payload after it have no effect.
        """
        from zigzag.then import next_of  # few tasks name the next one

        return next_of(self.name, self.check(payload), self._queue(queue), group)

    def publish(self, payload: Payload, *, id: str | None = None, topic: str | None = None) -> str:
        """Publishes the task once on a topic of SNS, and returns its id. Each queue that subscribes gets it.

        id    -- the task's id, in each subscriber; without it, a new UUID.
        topic -- the ARN of a standard topic; without it, the variable `ZIGZAG_TOPIC_ARN`.

        It needs boto3, and the permission sns:Publish, which tasks of a stack with a topic have. Raises
        BadPayloadError, PayloadTooLargeError beyond the topic's 256 KiB, or SendError.
        """
        from zigzag.extra import publish  # only a task that publishes loads it, and boto3

        return publish.put(self.name, self.check(payload), id, topic)

    def _queue(self, queue: str | None) -> str | None:
        return self.queue if queue is None else queue

    def check(self, payload: Any) -> dict[str, Any]:
        """Checks a payload and returns it as JSON, with all defaults. A random default is drawn once here,
        and not again in each attempt. Raises BadPayloadError, which names the field, if the payload does not
        fit, or if the task would get a different value.
        """
        from zigzag import sendable  # a worker that sends nothing does not load it

        return sendable.checked(self.name, self.model, payload, self.parse)

    def parse(self, payload: Any) -> Any:
        """Returns the function's argument for the JSON `payload`. Raises BadPayloadError with the fields.

        The model's rules for JSON apply: only there a strict model takes a date from a text.
        """
        if self.model is None:
            return payload
        try:
            return self.model.model_validate_json(json.dumps(payload))
        except ValueError as error:  # pydantic's ValidationError is one; pydantic stays unloaded here
            said = misfit(self.name, error)
        raise BadPayloadError(said)  # not from pydantic's, which would keep its validators' frames


def remote[Payload](name: str, model: type[Payload], *, queue: str | None = None) -> Handle[Payload]:
    """Returns a handle for a task whose module is missing here, for example in another project.

    name  -- the task's name.
    model -- the type of its payload: a pydantic model, or `dict`. The worker checks the payload by its own
             model.
    queue -- the name or the URL of the queue that it is sent to; without it, the stack's first one.

    Raises TaskDefinitionError if the name is empty, or if that type can't be a payload's.
    """
    if not name:
        raise TaskDefinitionError("remote(…) needs the name of a task")
    return Handle(name, model_of(model, f"remote({name!r})", "give a pydantic model, or dict"), queue)


def _names_a_queue(queue: Any) -> bool:
    return is_url(queue) or (isinstance(queue, str) and queue.isascii() and queue.isalnum())


def model_of(payload: Any, where: str, wanted: str) -> Any:
    """Returns the model of a payload's type, or None for `dict`. Raises TaskDefinitionError for others."""
    if payload is dict or typing.get_origin(payload) is dict:
        return None
    if isinstance(payload, type) and hasattr(payload, "model_validate"):
        return payload
    raise TaskDefinitionError(f"{where} takes a {payload!r}, neither a pydantic model nor a dict; {wanted}")


def misfit(name: str, error: ValueError) -> str:
    """Returns pydantic's findings in words, without the values: they may be private.

    Only a few are named: a body of some kilobytes can have a million, and to list them takes a gigabyte.
    """
    if not hasattr(error, "errors"):
        return f"the payload does not fit {name}: {error}"[:_MAX_REASON_CHARACTERS]
    number = error.error_count()  # type: ignore[attr-defined]
    if number > _MAX_LISTED:
        return f"the payload does not fit {name}: it has {number:,} errors, too many to name"
    listed = error.errors(include_url=False, include_input=False, include_context=False)
    findings = [
        f"{'.'.join(str(part) for part in finding['loc']) or 'payload'}: {finding['msg']}"
        for finding in listed[:_MAX_NAMED]
    ]
    more = f"; and {number - _MAX_NAMED:,} more" if number > _MAX_NAMED else ""
    said = f"the payload does not fit {name}: " + "; ".join(findings)
    return said[:_MAX_REASON_CHARACTERS] + more
