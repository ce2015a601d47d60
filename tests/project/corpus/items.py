"""The table of records as a dictionary of DynamoDB's items."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tests.promises.wire.expressions import updated

from shared.aws.dynamodb_gates import DynamoDbGates
from shared.aws.dynamodb_records import DynamoDbRecords
from shared.aws.transport import Answered, AnsweredError

TABLE = "records"


class Items:
    """The items of a table by their keys, as a transport for the adapters."""

    def __init__(self, *items: Mapping[str, Any]) -> None:
        self.by_key = {item["key"]["S"]: dict(item) for item in items}

    async def call(
        self, service: str, operation: str, asked: Mapping[str, Any], until: float = math.inf
    ) -> Answered:
        if operation == "BatchGetItem":
            keys = [key["key"]["S"] for key in asked["RequestItems"][TABLE]["Keys"]]
            found = [self.by_key[key] for key in keys if key in self.by_key]
            return Answered({"Responses": {TABLE: found}, "UnprocessedKeys": {}})
        assert (service, operation) == ("dynamodb", "UpdateItem")
        key = asked["Key"]["key"]["S"]
        before = self.by_key.get(key, {})
        after = updated(before or {"key": {"S": key}}, asked)
        if after is None:
            raise AnsweredError("ConditionalCheckFailedException", "no", 400, {"Item": before})
        self.by_key[key] = after
        return Answered({"Attributes": after})

    @property
    def records(self) -> DynamoDbRecords:
        transport: Any = self
        return DynamoDbRecords(transport, TABLE)

    @property
    def gates(self) -> DynamoDbGates:
        transport: Any = self
        return DynamoDbGates(transport, TABLE)
