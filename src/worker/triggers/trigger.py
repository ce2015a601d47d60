"""Chooses the trigger of an event. A trigger makes a batch of an event, and an answer of the batch's end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from shared import log
from shared.delivery import BadEventError, Batch
from worker.observers.observer import Observer
from worker.result import Report
from worker.triggers import dispatch, records


class Triggered(NamedTuple):
    """An event that was read.

    observers -- to be told of the batch's deliveries.
    answer    -- returns the function's answer, of the batch's reports. Raises if the caller must be told so.
    """

    batch: Batch
    observers: tuple[Observer, ...]
    answer: Callable[[Sequence[Report]], Any]


def triggered(
    event: Any,
    queue_urls: Collection[str],
    request: str = "unknown",
    *,
    flow_control: bool,
    weights: Iterable[int],
) -> Triggered:
    """Returns the event as its trigger reads it. Raises BadEventError, and logs it.

    queue_urls   -- of the stack's queues.
    request      -- Lambda's id of the invocation.
    flow_control -- whether the queues have gates.
    weights      -- of the queues.
    """
    try:
        if records.is_of_an_event_source(event):
            records.refuse(flow_control, weights)
            batch = records.batch_of(event, queue_urls)
        elif _is_a_call(event):
            return _of_a_call(event, request)
        else:
            return Triggered(dispatch.batch_of(event, queue_urls), (), dispatch.answer_of)
    except BadEventError as error:
        log.write(logging.ERROR, str(error))
        raise
    unfinished = records.Unfinished(batch)
    return Triggered(batch, (unfinished,), lambda reports: unfinished.answer())


def _is_a_call(event: Any) -> bool:
    """Returns whether the event itself names a task. With messages it is a dispatch, whatever else it has."""
    return isinstance(event, dict) and "task" in event and not event.keys() & {"Message", "Messages"}


def _of_a_call(event: Any, request: str) -> Triggered:
    from worker.triggers.direct import Call  # loaded here: few stacks are called so

    call = Call(event, request)
    return Triggered(call.batch, (call,), call.answer)
