"""The consumer function: builds the consumer on AWS, runs a tick, and logs its summary."""

from __future__ import annotations

import shared.cold_start  # isort: skip - before all others
import asyncio
import functools
import logging
import os
from dataclasses import asdict
from random import Random
from typing import Any

from consumer.consumer import Consumer, PolledQueue
from consumer.linger import Lingering
from consumer.memory import memory_for
from consumer.optional import gates_of, others_of
from consumer.pollers import connections_for, messages_for, pollers_for, threads_for
from consumer.settings import ConsumerSettings
from shared import log
from shared.aws.choice import transport_in_a_loop
from shared.aws.identity import Identity
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.sqs_queue import SqsQueue
from shared.ports.clock import WallClock
from shared.settings import SettingError, read


@functools.cache
def _consumer() -> tuple[asyncio.Runner, Consumer]:
    """Returns the consumer and its event loop, made once for each environment of the function."""
    log.configure()
    try:
        settings = read(ConsumerSettings, os.environ)
        queues = settings.task_queues
    except SettingError as error:
        log.write(logging.ERROR, str(error))
        raise
    memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"))
    pollers, memory = pollers_for(memory_mb, len(queues)), memory_for(memory_mb)
    aws = transport_in_a_loop(
        settings.transport,
        attempts=1,  # a receive whose answer is lost must not be sent again
        connections=connections_for(pollers),
        threads=threads_for(pollers),
        arriving=memory.arriving,
        botos_messages=messages_for(memory_mb),
        identity=Identity(os.environ),
    )
    aws.prepare("sqs", "lambda")
    return asyncio.Runner(), Consumer(
        [
            PolledQueue.of(queue, functools.partial(SqsQueue, aws), LambdaWorkers(aws, queue.worker))
            for queue in queues
        ],
        LambdaWorkers(aws, settings.worker),
        WallClock(),
        Random(),
        lingering=Lingering(settings.linger_seconds, watch_always=settings.watch_always),
        in_flight_cap=settings.in_flight_cap,
        keep_percent=settings.keep_percent,
        pollers=pollers,
        memory=memory,
        gates=gates_of(aws, settings),
        others=others_of(aws, settings, os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")),
    )


def handler(event: object, context: Any) -> dict[str, Any]:
    """Runs one tick and answers with its summary. The event is EventBridge's, or another consumer's."""
    runner, consumer = _consumer()
    summary = runner.run(consumer.tick(context.get_remaining_time_in_millis() / 1000, event))
    level = logging.INFO if summary.went_well else logging.ERROR
    log.write(level, "tick", **asdict(summary), **consumer.limits)
    return asdict(summary)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _consumer()  # Lambda's init phase has a full CPU at any memory size.
shared.cold_start.is_over()
