"""Composes what follows a task that has succeeded: the next task, if it returned one; else the reply that its
message asked for. The next task's message asks for the reply instead, so a chain has one, from its last task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from contextlib import suppress
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from shared.dead_letter import MAX_REASON_CHARACTERS
from shared.delivery import Delivery
from shared.errors import words
from shared.ports.records import record_key
from shared.queues import is_fifo, is_url
from worker.finish import has_next
from worker.follow.follow_ups import NEXT, FollowUp, FollowUps, step_id
from worker.lookup import Table, find
from worker.outcome import Attempt
from worker.returned import ResultError, json_of
from zigzag import Task
from zigzag.body import MAX_NAME_CHARACTERS
from zigzag.errors import SendError
from zigzag.then import MAX_FOLLOW_UP_BYTES, as_text, check_size
from zigzag.values import Next

MAX_HOPS = 100
"""Most tasks that follow one another. Lambda does not see a loop by way of an own queue and a schedule. By an
event source mapping it would end one after 16 steps, so there the template allows it
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html)."""


def composed(attempt: Attempt, delivery: Delivery, returned: Any, queues: Mapping[str, str]) -> FollowUps:
    """Returns what follows. If it can't be sent as it is, that says why.

    returned -- what the task returned.
    queues   -- the URLs of the stack's queues, by name.
    """
    if not has_next(returned):
        return _with_reply(attempt, returned)
    if isinstance(returned, Task):
        return not_sent(attempt, f"it returned the task itself: return {returned.name}.then(…)")
    if not isinstance(returned, Next):
        return not_sent(
            attempt, f"it is within a {type(returned).__name__}: return one alone, and send the others"
        )
    try:
        one, why = _next(attempt, delivery, returned, queues)
    except Exception as error:  # mostly a SendError; whatever it is, the task must not run again for it
        return not_sent(attempt, str(error) if isinstance(error, SendError) else words(error))
    if why:
        return not_sent(attempt, why)._replace(held=(one,))
    try:
        if may_be_done(attempt, delivery, returned) and _is_done(attempt, delivery, returned):
            return not_sent(attempt, "its key function gives it the key that is done: it would not run")
    except Exception as error:  # moved back, it is sent
        return not_sent(attempt, words(error))._replace(held=(one,))
    if attempt.hops < MAX_HOPS:
        return _sending(attempt, one)
    again = _next(attempt, delivery, returned, queues, hops=0)[0]
    why = f"{MAX_HOPS} tasks have followed one another: move this letter back if they should go on"
    return not_sent(attempt, why)._replace(held=(again,))


def may_be_done(attempt: Attempt, delivery: Delivery, returned: Any) -> bool:
    """Returns whether the next task is one that ran in this chain before, under a key of its key function."""
    return type(returned) is Next and any(
        key.startswith(f"{returned.task} ") for key in _keys(attempt, delivery)
    )


def _is_done(attempt: Attempt, delivery: Delivery, one: Next) -> bool:
    """Returns whether the task would have a key that is done by now. The user's code runs."""
    task = find(one.task, cast("Table", attempt.tasks))
    key = record_key("run", task.name, task.policy.key(task.parse(one.payload), ""))
    return _key(task.name, key) in _keys(attempt, delivery)


def keys_before(hops: int, delivery: Delivery) -> list[str]:
    """Returns the runs of this chain before this one that have a key of a key function, as its message has
    them. No next task's message is so large that it is in the bucket."""
    said: Any = None
    if hops:
        with suppress(ValueError, AttributeError):
            said = json.loads(delivery.body).get("keys")
    return [one for one in said if _is_key(one)] if isinstance(said, list) else []


def _keys(attempt: Attempt, delivery: Delivery) -> Sequence[str]:
    """Returns the runs of this chain that have a key of a key function, with this one."""
    keys = keys_before(attempt.hops, delivery)
    if attempt.record is not None and callable(attempt.policy.idempotent):
        keys.append(_key(attempt.task, attempt.record.key))
    return keys[-MAX_HOPS:]


def _is_key(one: object) -> bool:
    """Returns whether a worker may have written it: a sender may write any text, and a record has limits."""
    return isinstance(one, str) and len(one) <= MAX_NAME_CHARACTERS + 17


def _key(task: str | None, key: str) -> str:
    return f"{task} {hashlib.sha256(key.encode()).hexdigest()[:16]}"


def not_sent(attempt: Attempt, why: str) -> FollowUps:
    """Returns the follow-ups of a task whose next one can't be sent; whoever waits for the chain's reply is
    told so."""
    why = f"its next task is not sent: {why}"
    return _sending(attempt, reply_of(attempt, "failed", error=why[:MAX_REASON_CHARACTERS]), why)


def reply_of(attempt: Attempt, outcome: str, **said: Any) -> FollowUp | None:
    """Returns the reply, or None if the message asked for none. It has no `task`, so no queue runs it."""
    if attempt.reply_to is None:
        return None
    known_by = attempt.reply_to.correlation_id  # two may ask for one task: SQS must keep both replies
    id = step_id(f"reply {outcome} {known_by}", attempt.task, attempt.id)
    body = {"id": id, "correlation_id": known_by, "outcome": outcome, **said}
    return FollowUp(attempt.reply_to.to, id, as_text(body))


def _with_reply(attempt: Attempt, returned: Any) -> FollowUps:
    """Returns the reply of the task's success. It lacks a result that can't be told."""
    try:
        result = json_of(returned, MAX_FOLLOW_UP_BYTES, "a reply")
    except ResultError as error:
        return untold(attempt, str(error))
    if (size := len(as_text(result).encode())) > MAX_FOLLOW_UP_BYTES:  # all ASCII, for a character
        return untold(attempt, f"it takes {size:,} bytes, and a reply has {MAX_FOLLOW_UP_BYTES:,}; store it")
    return _sending(attempt, reply_of(attempt, "succeeded", result=result))


def untold(attempt: Attempt, why: str) -> FollowUps:
    """Returns the follow-ups of a task whose result can't be told: the reply says that, and so does a
    letter."""
    why = f"its result can't be told: {why}"
    return _sending(attempt, reply_of(attempt, "succeeded", error=why[:MAX_REASON_CHARACTERS]), why)


def unknown(attempt: Attempt, why: str) -> FollowUps:
    """Returns the follow-ups of a task that has recorded by itself that it is done, if nobody knows what it
    returned. A letter says so, unless its declared type is none of a next task."""
    why = f"it is done, and {why}"
    told = f"its result is not known: {why}"[:MAX_REASON_CHARACTERS]
    ups = _sending(attempt, reply_of(attempt, "succeeded", error=told))
    function = find(attempt.task or "", cast("Table", attempt.tasks)).function
    if not _may_be_next(get_type_hints(function).get("return", Any)):
        return ups
    return ups._replace(why=f"what follows it is not known: {why}")


def _may_be_next(kind: Any) -> bool:
    """Returns whether a value of the declared type may be a Next."""
    kind = get_origin(whole := kind) or kind
    if kind in (Union, UnionType, Awaitable, Coroutine):
        return any(map(_may_be_next, get_args(whole)))
    return not isinstance(kind, type) or kind is Any or kind in Next.__mro__


def _sending(attempt: Attempt, one: FollowUp | None, why: str = "") -> FollowUps:
    return FollowUps(attempt.task, attempt.id, () if one is None else (one,), why=why)


def _next(
    attempt: Attempt, delivery: Delivery, one: Next, queues: Mapping[str, str], hops: int | None = None
) -> tuple[FollowUp, str]:
    """Returns the message of the next task, and why it must not be sent yet, or "". Raises SendError."""
    from zigzag import send

    check_size(one.task, one.payload)  # before `compose` puts it into the bucket
    url = _url(one.queue, delivery, queues)
    group = one.group or (delivery.group if is_fifo(url) else None)
    id = step_id(NEXT, attempt.task, attempt.id)
    more: dict[str, Any] = {"hops": attempt.hops + 1 if hops is None else hops}
    if keys := _keys(attempt, delivery):
        more["keys"] = keys
    if attempt.reply_to is not None:
        more |= {"reply_to": attempt.reply_to.to, "correlation_id": attempt.reply_to.correlation_id}
    message = send.compose(one.task, one.payload, send.Options(id, group=group), url, more)
    missing = one.task not in attempt.tasks
    why = f"no task is called {one.task[:100]!r}; see tasks/__init__.py, and move this letter back"
    return FollowUp(url, id, message.body, group), why if missing else ""


def _url(queue: str | None, delivery: Delivery, queues: Mapping[str, str]) -> str:
    """Returns the URL of the next task's queue. Raises SendError for one that is not of the stack."""
    if queue is None or queue == delivery.queue_url:
        return delivery.queue_url or ""
    url = queue if is_url(queue) and queue in queues.values() else queues.get(queue)
    if url is None:
        raise SendError(f"{queue[:100]!r} is no queue of this stack, which are {', '.join(queues)}")
    return url
