"""Makes what only some stacks have: gates, and other consumers. Other cold starts load neither."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from consumer.settings import ConsumerSettings
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.transport import Transport
from shared.ports.clock import WallClock

if TYPE_CHECKING:
    from consumer.others import Others
    from shared.ports.gates import Gates


def gates_of(aws: Transport, settings: ConsumerSettings) -> Gates | None:
    """Returns the queues' gates; None without flow control."""
    if not settings.flow_control:
        return None
    from shared.aws.dynamodb_gates import DynamoDbGates

    aws.prepare("dynamodb")
    return DynamoDbGates(aws, settings.records_table)


def others_of(aws: Transport, settings: ConsumerSettings, function: str) -> Others | None:
    """Returns what starts other consumers, by the consumer's own function, or None if there is one only."""
    if settings.max_consumers == 1:
        return None
    from consumer.others import Others
    from shared.aws.dynamodb_records import DynamoDbRecords

    aws.prepare("dynamodb")
    records = DynamoDbRecords(aws, settings.records_table)
    return Others(LambdaWorkers(aws, function), records, WallClock(), Random(), most=settings.max_consumers)
