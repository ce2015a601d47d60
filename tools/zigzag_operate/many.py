"""Sends a task for each line of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from shared.aws.boto import BotoTransport
from shared.aws.sqs_batches import SqsBatches
from tasks import TASKS
from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag import SendError
from zigzag.calls import Calls
from zigzag.in_place import run_in_place
from zigzag.many import Preparing, sending
from zigzag.results import Result, Status
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.send import bucket_of, url_of
from zigzag_operate.target import ONCE, Target

NO_JSON = object()


def send_many(
    target: Target,
    task: str,
    payloads: Iterable[Any],
    told: Callable[[int, Status, str | None], object],
    *,
    queue: str | None = None,
    id_field: str | None = None,
    delay_seconds: int = 0,
    group: str | None = None,
) -> None:
    """Sends the task for each payload, and tells each one's index, status and reason.

    id_field -- the payload's field that is the task's id. `Task.send_many` explains the other options.

    Raises OperateError if none could be sent, if the queue takes nothing any more, or after an interrupt,
    once all results are told.
    """
    id = None if id_field is None else _field(id_field)
    try:
        found = find(task, TASKS)
        stack = target.stack_as_it_is()
        url = url_of(stack, found.queue if queue is None else queue)
        batches = SqsBatches(BotoTransport(attempts=1, clients={"sqs": target.client("sqs", ONCE)}), url)
        calls = Calls(lambda messages: run_in_place(batches.send(messages)), at_once=True)
        prepare = Preparing(found, url, id, delay_seconds, group, bucket=bucket_of(target, stack))
        results = sending(payloads, prepare, calls)
        try:
            for result in results:
                told(result.index, result.status, _why(result))
        except KeyboardInterrupt:
            for result in results.close():
                told(result.index, result.status, _why(result))
            raise OperateError("interrupted, so nothing more is sent") from None
    except (NoSuchTaskError, BrokenTaskError) as error:
        raise OperateError(str(error), Kind.BAD_PAYLOAD) from error
    except SendError as error:
        raise OperateError(str(error), Kind.WRONG) from error


def payloads_in(lines: Iterable[str]) -> Iterator[Any]:
    """Yields the JSON of each line; NO_JSON for one that is none, which no task takes as its payload."""
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            yield NO_JSON


def _why(result: Result[Any]) -> str | None:
    return "it is not JSON" if result.payload is NO_JSON else result.reason


def _field(name: str) -> Callable[[Any], str]:
    """Returns the function that finds a payload's id. One without such a field is refused, as the id is
    empty."""

    def id_of(payload: Any) -> str:
        found = payload.get(name)
        return "" if found is None else str(found)

    return id_of
