"""Builds a worker on AWS, for the function and for a server. Its transports, and the sends of tasks, keep the
function's identity even if a task changes the variables."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

from shared.aws.choice import transport_in_place
from shared.aws.doubt import Doubt
from shared.aws.dynamodb_records import DynamoDbRecords
from shared.aws.identity import Identity
from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Transport
from shared.ports.clock import WallClock
from worker.deadline import HARD_SECONDS
from worker.finish import Reach
from worker.lookup import Table
from worker.process import LambdaProcess
from worker.settings import WorkerSettings
from worker.worker import Worker
from zigzag.aws import send_as

if TYPE_CHECKING:
    from shared.ports.addresses import Addresses
    from shared.ports.gates import WorkedGates
    from shared.ports.notices import Notices
    from shared.ports.objects import Objects
    from worker.large import Reader

UNKNOWN_MB = 1024
"""Memory by which large messages are bounded in a process without a known limit, as a server may have."""


def worker_on_aws(
    settings: WorkerSettings,
    queue_url: str,
    tasks: Table,
    transports: tuple[Transport, Transport],
    process: LambdaProcess,
    random: Random,
) -> Worker:
    """Returns the worker of one queue.

    transports -- the one for settling and records, and the one for heartbeats.
    process    -- the process in which it works.
    """
    (aws, beats), ends_at, table = transports, process.ends_at, settings.records_table
    dead_letter_url = settings.dead_letters_of(queue_url)
    return Worker(
        queue=SqsQueue(aws, queue_url),
        dead_letters=SqsQueue(aws, dead_letter_url),
        records=DynamoDbRecords(aws, table, ends_at),
        tasks=tasks,
        clock=WallClock(),
        random=random,
        host=process,
        beats=SqsQueue(beats, queue_url),
        metrics_of=queue_url if settings.metrics else None,
        name=settings.names[queue_url],
        gates=_gates(table, aws, beats, ends_at) if settings.flow_control else None,
        reader=reader_of(settings.large_bucket, process.limit_mb, ends_at),
        notices=_notices(settings.failure_topic, dead_letter_url),
        reach=_reach(aws, settings.names, settings.reply_to, ends_at),
    )


def transports_by_now(wanted: str, ends_at: Callable[[], float]) -> tuple[Transport, Transport]:
    """Returns the transport for settling and records, and the one for heartbeats. The variables count as they
    are now, for sends, too.

    wanted  -- "lean" or "boto".
    ends_at -- when the invocation ends, in epoch seconds.
    """
    identity, doubt = Identity(os.environ), Doubt()
    send_as(identity)
    # A call that settles or records may arrive twice without harm; a lost one does much.
    aws = transport_in_place(wanted, attempts=4, ends_at=ends_at, doubt=doubt, identity=identity)
    # The thread that waits for a beat also ends the attempt, this long before the invocation's end.
    beats_end = lambda: ends_at() - HARD_SECONDS  # noqa: E731
    beats = transport_in_place(wanted, attempts=1, ends_at=beats_end, doubt=doubt, identity=identity)
    aws.prepare("sqs")
    beats.prepare("sqs")  # otherwise boto would make its client while a task runs
    return aws, beats


def _gates(
    table: str, aws: Transport, beats: Transport, ends_at: Callable[[], float]
) -> tuple[WorkedGates, WorkedGates]:
    """Returns the gates in that table, one for each of these transports.

    ends_at -- when the invocation ends, in epoch seconds.
    """
    from shared.aws.dynamodb_gates import DynamoDbGates  # needed only with gates

    aws.prepare("dynamodb")
    beats.prepare("dynamodb")
    return DynamoDbGates(aws, table, ends_at), DynamoDbGates(beats, table, ends_at)


def reader_of(bucket: str, memory_mb: int, ends_at: Callable[[], float]) -> Callable[[], Reader] | None:
    """Returns what makes the reader of large messages; None without a bucket.

    memory_mb -- the memory of this process; 0 if it is not known.
    ends_at   -- when the invocation ends, in epoch seconds.
    """
    if not bucket:
        return None
    identity = Identity(os.environ)

    @functools.cache
    def objects() -> Objects:
        from shared.aws.s3_objects import S3Objects  # with boto3, in the time of the first large message

        return S3Objects(bucket, identity=identity, ends_at=ends_at)

    def make() -> Reader:
        from worker.large import Reader

        return Reader(bucket, objects, memory_mb or UNKNOWN_MB)

    return make


def _reach(
    aws: Transport, names: Mapping[str, str], replies: Sequence[str], ends_at: Callable[[], float]
) -> Reach:
    """Returns where what follows a task may be sent.

    names   -- of the stack's queues, by URL.
    replies -- the ARNs to which the stack may reply.
    ends_at -- when the invocation ends, in epoch seconds.
    """
    identity = Identity(os.environ)

    @functools.cache
    def addresses() -> Addresses:
        from shared.aws.addresses import AwsAddresses  # few tasks are followed by something

        return AwsAddresses(aws, {name: url for url, name in names.items()}, replies, identity, ends_at)

    return Reach(replies, addresses)


def _notices(topic: str, dead_letter_url: str) -> Notices | None:
    """Returns the notices by the topic of that ARN, or None if it is empty."""
    if not topic:
        return None
    from shared.aws.sns_notices import SnsNotices  # needed only with an address

    return SnsNotices(topic, dead_letter_url)
