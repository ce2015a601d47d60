"""The `Gates` port on a DynamoDB table: that of the records.

A read is consistent: what was written before it began is in it
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.dynamodb_records import KEY
from shared.aws.transport import CallError, Transport, meaning, understood
from shared.ports.gates import PAUSED, Gate, GatesError, gate_of
from shared.ports.records import record_key
from shared.ports.workers import Reply


class DynamoDbGates:
    """The gates in the table of that name, called through `transport`."""

    def __init__(self, transport: Transport, table: str) -> None:
        self._transport = transport
        self._table = table

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        keys = {_key(queue): queue for queue in queues}
        wanted = {"Keys": [{KEY: {"S": key}} for key in keys], "ConsistentRead": True}
        answer = await self._call("BatchGetItem", {"RequestItems": {self._table: wanted}})
        if answer.get("UnprocessedKeys"):
            raise GatesError("UnprocessedKeys: DynamoDB read some gates, and not all")
        try:
            with understood():
                items = {keys[item[KEY]["S"]]: item for item in answer["Responses"][self._table]}
        except CallError as error:
            raise GatesError(str(error), meaning(error, Reply.TRANSIENT)) from error
        return {queue: gate_of(_attributes(items.get(queue, {}))) for queue in queues}

    async def pause(self, queue: str, now: float) -> None:
        await self._update(
            queue,
            "SET #paused = if_not_exists(#paused, :now)",
            ExpressionAttributeValues={":now": {"N": str(now)}},
        )

    async def resume(self, queue: str) -> None:
        await self._update(queue, "REMOVE #paused")

    async def _update(self, queue: str, change: str, **more: Any) -> None:
        asked = {"TableName": self._table, "Key": {KEY: {"S": _key(queue)}}, "UpdateExpression": change}
        await self._call("UpdateItem", {**asked, "ExpressionAttributeNames": {"#paused": PAUSED}, **more})

    async def _call(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return (await self._transport.call("dynamodb", operation, asked)).body
        except CallError as error:
            raise GatesError(str(error), meaning(error, Reply.TRANSIENT)) from error


def _key(queue: str) -> str:
    return record_key("gate", queue)


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item's, without its key. A number is a float, all else is as DynamoDB has it."""
    return {name: _number(typed) for name, typed in item.items() if name != KEY}


def _number(typed: Any) -> Any:
    try:
        number = float(typed["N"])
    except (LookupError, TypeError, ValueError):
        return typed
    return number if math.isfinite(number) else typed
