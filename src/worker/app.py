"""The worker function: takes an event, works its batch on AWS, and answers with the reports."""

from __future__ import annotations

from shared import cold_start, log  # isort: skip - before all others
import functools
import logging
import os
from random import Random
from typing import Any

from shared.settings import SettingError, read
from tasks import TASKS
from worker.on_aws import transports_by_now, worker_on_aws
from worker.process import LambdaProcess
from worker.settings import WorkerSettings
from worker.triggers.trigger import triggered
from worker.worker import Worker
from zigzag.in_place import run_in_place

PROCESS = LambdaProcess()
_transports = functools.cache(transports_by_now)  # the workers of all queues share them


@functools.cache
def _settings() -> WorkerSettings:
    log.configure()
    try:
        return read(WorkerSettings, os.environ)
    except SettingError as error:
        log.write(logging.ERROR, str(error))
        raise


@functools.cache
def _worker(queue_url: str) -> Worker:
    """Returns the worker of one queue, made once for each environment of the function."""
    settings = _settings()
    transports = _transports(settings.transport, PROCESS.ends_at)
    return worker_on_aws(settings, queue_url, TASKS, transports, PROCESS, Random())


def handler(event: object, context: Any) -> Any:
    """Works one batch, and answers as its trigger does. Raises BadEventError, and what the answer raises."""
    settings = _settings()
    request = getattr(context, "aws_request_id", "unknown")
    batch, observers, answer = triggered(
        event, settings.names, request, flow_control=settings.flow_control, weights=settings.weights
    )
    worker = _worker(batch.queue_url or settings.queue_url)
    PROCESS.begin(lambda: context.get_remaining_time_in_millis() / 1000)
    try:
        reports = run_in_place(worker.work(batch, PROCESS.seconds_left, *observers))
    except BaseException as error:  # our own code failed, perhaps broken by a task
        PROCESS.end_after(error, request)
    PROCESS.end_if_it_must()  # all is settled that can be; the next task gets a clean process
    return answer(reports)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _worker(_settings().queue_url)  # Lambda's init phase has a full CPU at any memory size.
cold_start.is_over()
