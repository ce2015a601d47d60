"""Checks at the start of a server that its queue, its table and its gate are there, and that it may call
them: one call to each, which changes nothing."""

from __future__ import annotations

import os

from shared.aws.choice import transport_in_place
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.aws.dynamodb_records import DynamoDbRecords
from shared.aws.identity import Identity
from shared.aws.sqs_queue import SqsQueue
from shared.ports.gates import Gates, GatesError
from shared.ports.queue import Queue, QueueError
from shared.ports.records import Records, RecordsError, record_key
from shared.queues import TaskQueue
from worker.settings import WorkerSettings
from zigzag.in_place import run_in_place

NOBODY = record_key("starts", "nobody")


def problem_of(queue: TaskQueue, settings: WorkerSettings) -> str | None:
    """Returns what is wrong on AWS, in words, or None."""
    aws = transport_in_place(settings.transport, attempts=3, identity=Identity(os.environ))
    gates = DynamoDbGates(aws, settings.records_table) if settings.flow_control else None
    try:
        records = DynamoDbRecords(aws, settings.records_table)
        return run_in_place(problem(queue, SqsQueue(aws, queue.url), records, gates))
    finally:
        aws.close()


async def problem(queue: TaskQueue, messages: Queue, records: Records, gates: Gates | None) -> str | None:
    """Returns which call failed, and why, or None."""
    try:
        await messages.in_flight()
    except QueueError as error:
        return f"the queue {queue.name}, {queue.url}, can't be reached: {error}"
    try:
        await records.disown(NOBODY, "nobody")
    except RecordsError as error:
        return f"the table of records, ZIGZAG_RECORDS_TABLE, can't be reached: {error.reason}"
    try:
        if gates is not None:
            await gates.read([queue.name])
    except GatesError as error:
        return f"the gate of {queue.name} can't be read: {error}"
    return None
