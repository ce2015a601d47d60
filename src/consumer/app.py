"""The consumer function: wires the tick to AWS, runs it, and logs its summary."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from random import Random
from typing import Any

from consumer.dispatch import Dispatcher
from consumer.flow.cap import InFlightCap
from consumer.pollers import connections_for, pollers_for, threads_for
from consumer.settings import ConsumerSettings
from consumer.tick import Summary, Tick
from shared import log
from shared.aws.choice import transport_in_a_loop
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.sqs_queue import SqsQueue
from shared.ports.clock import WallClock
from shared.settings import SettingError, read


@functools.cache
def _wired() -> tuple[asyncio.Runner, Callable[[float], Coroutine[Any, Any, Summary]]]:
    """Settings, clients and ports, made once for each environment of the function."""
    log.configure()
    try:
        settings = read(ConsumerSettings, os.environ)
    except SettingError as error:
        log.write(logging.ERROR, str(error))
        raise
    pollers = pollers_for(int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")))
    aws = transport_in_a_loop(
        settings.transport,
        attempts=1,  # a receive whose answer is lost must not be sent again
        connections=connections_for(pollers),
        threads=threads_for(pollers),
    )
    aws.prepare("sqs", "lambda")
    queue = SqsQueue(aws, settings.queue_url)
    dead_letters = SqsQueue(aws, settings.dead_letter_queue_url)
    workers = LambdaWorkers(aws, settings.worker)
    clock = WallClock()

    flow = InFlightCap(queue, clock, settings.in_flight_cap)  # remembers dispatches beyond its tick

    def tick(seconds_left: float) -> Coroutine[Any, Any, Summary]:
        dispatcher = Dispatcher(queue, dead_letters, workers, clock, Random(), settings.batch_size)
        ends_at = clock.now() + seconds_left
        linger = settings.linger_seconds
        return Tick(
            queue, flow, dispatcher, clock, linger_seconds=linger, ends_at=ends_at, pollers=pollers
        ).run()

    return asyncio.Runner(), tick


def handler(event: object, context: Any) -> dict[str, Any]:
    """One tick. The event is EventBridge's, and says nothing that matters; answers with the summary."""
    runner, tick = _wired()
    summary = runner.run(tick(context.get_remaining_time_in_millis() / 1000))
    log.write(logging.INFO if summary.went_well else logging.ERROR, "tick", **asdict(summary))
    return asdict(summary)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _wired()  # Lambda's init phase has the full CPU, whatever the function's memory.
