"""One process of a server, on AWS. The supervisor starts it:

python -m server.app DESCRIPTOR --queue=…

DESCRIPTOR is a pipe with the supervisor's orders.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from math import inf
from random import Random

from server.control import REPLACED_STATUS, Control
from server.flows import flows_of
from server.options import Options, options_of, queue_of, settings_of
from server.serving import Serving, Work
from shared import log
from shared.aws.choice import transport_in_place
from shared.aws.doubt import Doubt
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.aws.identity import Identity
from shared.aws.sqs_queue import SqsQueue
from shared.delivery import Batch
from tasks import TASKS
from worker.on_aws import transports_by_now, worker_on_aws
from worker.process import LambdaProcess
from worker.settings import WorkerSettings
from worker.worker import Worker
from zigzag.in_place import run_in_place

STOPS = "its server stops"


def main(arguments: Sequence[str]) -> None:
    """Serves until the supervisor asks to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the supervisor decides; a child of a task has the default
    log.configure()
    log.take_turns()
    options, settings = options_of(arguments[1:]), settings_of(os.environ)
    process = LambdaProcess(options.memory, exit_status=REPLACED_STATUS)
    control = Control(int(arguments[0]), lambda: process.stop(STOPS))
    serving = _serving(options, settings, process, control)
    control.begin()
    try:
        run_in_place(serving.run())
    except Exception as error:
        log.write(logging.ERROR, "a process of the server failed", error=error)
        raise SystemExit(1) from None


def _serving(options: Options, settings: WorkerSettings, process: LambdaProcess, control: Control) -> Serving:
    queue, random = queue_of(settings, options.queue), Random()
    # As the consumer's: a receive whose answer is lost must not be sent again.
    polls = transport_in_place(settings.transport, attempts=1, doubt=Doubt(), identity=Identity(os.environ))
    gates = DynamoDbGates(polls, settings.records_table) if settings.flow_control else None
    transports = transports_by_now(settings.transport, process.ends_at)
    worker = worker_on_aws(settings, queue.url, TASKS, transports, process, random)
    return Serving(
        SqsQueue(polls, queue.url),
        SqsQueue(polls, queue.dead_letter_url),
        flows_of(queue, gates, control, random),
        _work(worker, process, control),
        control,
        random,
        control,
        seconds=options.timeout,
        poll_seconds=options.poll_seconds,
    )


def _work(worker: Worker, process: LambdaProcess, control: Control) -> Work:
    """Returns what works a batch in this process, and ends the process if it must."""

    async def work(batch: Batch, seconds_left: Callable[[], float]) -> None:
        def left() -> float:
            return min(seconds_left(), control.seconds_left())

        process.begin(left)
        try:
            await worker.work(batch, left)
        except BaseException as error:  # our own code failed, perhaps broken by a task
            process.end_after(error, None)
        process.end_if_it_must()
        process.begin(lambda: inf)

    return work


if __name__ == "__main__":
    main(sys.argv[1:])
