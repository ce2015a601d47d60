"""The consumer function: wires the tick to AWS, runs it, and logs its summary."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from random import Random
from typing import Any

from consumer.handover import Handover
from consumer.room import Room
from consumer.settings import ConsumerSettings
from consumer.tick import LANES, Summary, Tick
from shared import log
from shared.aws.clients import in_threads, lambda_client, sqs_client
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.sqs_queue import SqsQueue
from shared.clock import WallClock
from shared.ports import MOST_PER_CALL
from shared.settings import SettingError, read

CONNECTIONS = LANES * MOST_PER_CALL


@functools.cache
def _wired() -> tuple[asyncio.Runner, Callable[[float], Coroutine[Any, Any, Summary]]]:
    """Settings, clients and ports, made once for each environment of the function."""
    log.configure()
    try:
        settings = read(ConsumerSettings, os.environ)
    except SettingError as error:
        log.write(logging.ERROR, str(error))
        raise
    call = in_threads(ThreadPoolExecutor(CONNECTIONS))
    # One attempt: a receive whose answer is lost must not be sent again.
    sqs = sqs_client(attempts=1, connections=CONNECTIONS)
    queue = SqsQueue(sqs, settings.queue_url, call)
    dead_letters = SqsQueue(sqs, settings.dead_letter_queue_url, call)
    workers = LambdaWorkers(lambda_client(connections=CONNECTIONS), settings.worker, call)
    clock = WallClock()

    room = Room(queue, clock, settings.in_flight_cap)  # remembers dispatches beyond its tick

    def tick(seconds_left: float) -> Coroutine[Any, Any, Summary]:
        per_dispatch = settings.deliveries_per_dispatch
        handover = Handover(queue, dead_letters, workers, clock, Random(), per_dispatch)
        ends_at = clock.now() + seconds_left
        linger = settings.linger_seconds
        return Tick(queue, room, handover, clock, linger_seconds=linger, ends_at=ends_at).run()

    return asyncio.Runner(), tick


def handler(event: object, context: Any) -> dict[str, Any]:
    """One tick. The event is EventBridge's, and says nothing that matters; answers with the summary."""
    runner, tick = _wired()
    summary = runner.run(tick(context.get_remaining_time_in_millis() / 1000))
    log.write(logging.INFO if summary.went_well else logging.ERROR, "tick", **asdict(summary))
    return asdict(summary)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _wired()  # Lambda's init phase has the full CPU, whatever the function's memory.
