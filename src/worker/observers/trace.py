"""Observes a task for OpenTelemetry, if its API is loaded: the task runs in a span of its own. Its parent is
the span that sent the message."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from types import TracebackType

from shared import log
from zigzag import Context, Retry
from zigzag.extra.trace import API, parent_of


class Traced:
    """A block in which a task runs. What fails here is logged, and the task goes on."""

    def __init__(self, context: Context) -> None:
        self._api = sys.modules[API]
        self._context = context
        self._entered = ExitStack()

    def __enter__(self) -> None:
        seen = self._context
        told = {"messaging.system": "aws_sqs", "zigzag.id": seen.id, "zigzag.attempt": seen.attempt}
        try:
            span = self._api.get_tracer("zigzag").start_as_current_span(
                seen.task,
                parent_of(seen.attributes),
                self._api.SpanKind.CONSUMER,
                told,
                record_exception=False,  # its text may have the payload's values
                set_status_on_exception=False,
            )
            self._span = self._entered.enter_context(span)
        except Exception as error:
            log.write(logging.WARNING, "not traced", error=error, task=seen.task, id=seen.id)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Exception) and not isinstance(error, Retry):
                self._span.set_status(self._api.Status(self._api.StatusCode.ERROR, type(error).__name__))
            self._entered.close()
        except Exception as failed:
            log.write(logging.WARNING, "not traced", error=failed, task=self._context.task)
