"""The `Gates` port on a DynamoDB table: that of the records.

A read is consistent: what was written before it began is in it
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.dynamodb_records import KEY
from shared.aws.transport import AnsweredError, CallError, Transport, meaning, understood
from shared.ports.gates import BURST, EVERY, NEXT, PAUSED, REV, Gate, GatesError, Rate, gate_of
from shared.ports.records import record_key
from shared.ports.workers import Reply

_NAMES = (PAUSED, EVERY, BURST, REV, NEXT)
_MINE = "(attribute_not_exists(#rev) OR #rev = :rev) AND attribute_not_exists(#paused)"


class DynamoDbGates:
    """The gates in the table of that name, called through `transport`."""

    def __init__(self, transport: Transport, table: str) -> None:
        self._transport = transport
        self._table = table

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        keys = {_key(queue): queue for queue in queues}
        wanted = {"Keys": [{KEY: {"S": key}} for key in keys], "ConsistentRead": True}
        try:
            answer = await self._call("BatchGetItem", {"RequestItems": {self._table: wanted}})
        except AnsweredError as error:
            raise _failed(error) from error
        if answer.get("UnprocessedKeys"):
            raise GatesError("UnprocessedKeys: DynamoDB read some gates, and not all")
        try:
            with understood():
                items = {keys[item[KEY]["S"]]: item for item in answer["Responses"][self._table]}
        except CallError as error:
            raise _failed(error) from error
        return {queue: gate_of(_attributes(items.get(queue, {}))) for queue in queues}

    async def swap(self, queue: str, rev: int, next: float) -> tuple[bool, Gate]:
        try:
            answer = await self._update(
                queue,
                "SET #rev = :after, #next = :next",
                {":rev": rev, ":after": rev + 1, ":next": next},
                ConditionExpression=_MINE,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AnsweredError as error:
            if error.code != "ConditionalCheckFailedException":
                raise _failed(error) from error
            return False, gate_of(_attributes(error.body.get("Item") or {}))
        return True, gate_of(_attributes(answer.get("Attributes") or {}))

    async def pause(self, queue: str, now: float) -> None:
        await self._say(queue, "SET #paused = if_not_exists(#paused, :now)", {":now": now})

    async def resume(self, queue: str) -> None:
        await self._say(queue, "REMOVE #paused")

    async def limit(self, queue: str, rate: Rate | None) -> None:
        if rate is None:
            await self._say(queue, "REMOVE #every, #burst, #next ADD #rev :one", {":one": 1})
            return
        values = {":every": rate.every * 1000, ":burst": rate.burst, ":one": 1}
        await self._say(queue, "SET #every = :every, #burst = :burst REMOVE #next ADD #rev :one", values)

    async def _say(self, queue: str, change: str, values: Mapping[str, float] | None = None) -> None:
        try:
            await self._update(queue, change, values or {})
        except CallError as error:
            raise _failed(error) from error

    async def _update(
        self, queue: str, change: str, values: Mapping[str, float], **more: Any
    ) -> Mapping[str, Any]:
        """Raises AnsweredError, or GatesError for any other failure."""
        used = change + more.get("ConditionExpression", "")
        asked: dict[str, Any] = {
            "TableName": self._table,
            "Key": {KEY: {"S": _key(queue)}},
            "UpdateExpression": change,
            "ExpressionAttributeNames": {f"#{name}": name for name in _NAMES if f"#{name}" in used},
            **more,
        }
        if values:
            asked["ExpressionAttributeValues"] = {name: {"N": str(value)} for name, value in values.items()}
        return await self._call("UpdateItem", asked)

    async def _call(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return (await self._transport.call("dynamodb", operation, asked)).body
        except AnsweredError:
            raise
        except CallError as error:
            raise _failed(error) from error


def _failed(error: CallError) -> GatesError:
    return GatesError(str(error), meaning(error, Reply.TRANSIENT))


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
