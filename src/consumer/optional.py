"""What only some stacks have: gates. A cold start without them does not load them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.settings import ConsumerSettings
from shared.aws.transport import Transport

if TYPE_CHECKING:
    from shared.ports.gates import Gates


def gates_of(aws: Transport, settings: ConsumerSettings) -> Gates | None:
    """Returns the queues' gates; None without flow control."""
    if not settings.flow_control:
        return None
    from shared.aws.dynamodb_gates import DynamoDbGates

    aws.prepare("dynamodb")
    return DynamoDbGates(aws, settings.records_table)
