"""The worker function: wires one delivery's work to AWS, and answers with its report."""

from __future__ import annotations

import functools
import logging
import os
from dataclasses import asdict
from random import Random
from typing import Any

from shared import log
from shared.aws.clients import sqs_client
from shared.aws.sqs_queue import SqsQueue
from shared.clock import WallClock
from shared.delivery import BadEventError, from_event
from shared.settings import SettingError, read
from tasks import TASKS
from worker.run import in_a_loop_of_its_own
from worker.settings import WorkerSettings
from worker.work import Worker
from zigzag.in_place import run_in_place


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
    """The worker of one queue, made once for each environment of the function."""
    # A delete and a postponement do no harm when they are sent twice, and much when they are lost.
    sqs = sqs_client(attempts=4)
    return Worker(
        queue=SqsQueue(sqs, queue_url),
        dead_letters=SqsQueue(sqs, _settings().dead_letter_queue_url),
        table=TASKS,
        clock=WallClock(),
        random=Random(),
        finish=in_a_loop_of_its_own,
    )


def handler(event: object, context: Any) -> dict[str, Any]:
    """One delivery. Raises BadEventError if the event is none."""
    settings = _settings()
    try:
        delivery = from_event(event)
    except BadEventError as error:
        log.write(logging.ERROR, str(error))
        raise
    worker = _worker(delivery.queue_url or settings.queue_url)
    report = run_in_place(worker.work(delivery, lambda: context.get_remaining_time_in_millis() / 1000))
    return asdict(report)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _worker(_settings().queue_url)  # Lambda's init phase has the full CPU, whatever the memory.
