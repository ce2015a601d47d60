"""No call to the table takes the last second of the function, which settling needs."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from tests.support import NOW

from shared.aws.dynamodb_gates import TOLD_SECONDS, DynamoDbGates
from shared.aws.dynamodb_records import LEFT_SECONDS, DynamoDbRecords
from shared.aws.transport import Answered, Service
from zigzag.in_place import run_in_place


class Asked:
    """A transport that remembers until when a call may be sent."""

    def __init__(self) -> None:
        self.until: list[float] = []

    async def call(
        self, service: Service, operation: str, parameters: Mapping[str, Any], until: float = math.inf
    ) -> Answered:
        self.until.append(until)
        return Answered({"Attributes": {}})

    def prepare(self, *services: Service) -> None: ...

    async def invoke(self, function: str, event: bytes) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("table", "call"),
    [
        (DynamoDbRecords, lambda records: records.disown("run#1", "me")),
        (DynamoDbGates, lambda gates: gates.release("default", ["a1b2"])),
    ],
    ids=["records", "gates"],
)
def test_none_is_sent_then(table: type[Any], call: Callable[[Any], Awaitable[object]]) -> None:
    transport = Asked()

    run_in_place(call(table(transport, "records", lambda: 100.0)))

    assert transport.until == [100.0 - LEFT_SECONDS]


@pytest.mark.parametrize(
    ("left", "until"),
    [(900.0, TOLD_SECONDS), (3.0, 3.0 - LEFT_SECONDS)],
    ids=["with time left", "near the end"],
)
def test_the_breaker_is_told_within_a_few_seconds_or_not_at_all(left: float, until: float) -> None:
    transport = Asked()
    gates = DynamoDbGates(transport, "records", lambda: NOW + left)

    run_in_place(gates.unavailable("default", "0a", NOW, None))
    run_in_place(gates.succeeded("default", NOW, NOW))

    assert transport.until == [NOW + until] * 2
