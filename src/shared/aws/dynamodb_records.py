"""The `Records` port on a DynamoDB table.

An item a record: `key`, `starts`, `last` (who counted the last of them), `owner`, `until`, `done`, and
`expires`, by which DynamoDB removes it
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html). Every change is one
UpdateItem with a condition, so that two workers can't both win, and a call that is sent again
because its answer was lost counts once
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.lease import RECORD_SECONDS
from shared.ports import Begun, Busy, Done, RecordsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "key"
EXPIRES = "expires"
_RESERVED = ("last", "owner", "until")
"""Words of DynamoDB's own, which an expression names with a `#`."""

_FREE = "attribute_not_exists(done) AND (attribute_not_exists(#owner) OR #until < :now)"
_MINE = "#owner = :owner"
_NOBODY_ELSES = "attribute_exists(starts) AND (attribute_not_exists(#owner) OR #owner = :owner)"
_NOT_COUNTED = "attribute_not_exists(#last) OR #last <> :owner"


class DynamoDbRecords:
    """The records in the table of that name.

    make_client -- called at the first call: most workers never need a client.
    """

    def __init__(self, make_client: Callable[[], DynamoDBClient], table: str) -> None:
        self._make_client = make_client
        self._table = table

    @cached_property
    def _client(self) -> DynamoDBClient:
        try:
            return self._make_client()
        except BotoCoreError as error:
            raise RecordsError(f"{type(error).__name__}: {error}") from error

    async def begin(self, key: str, owner: str, now: float, until: float) -> Begun | Busy | Done:
        try:
            item = self._update(
                key,
                "ADD starts :one SET #owner = :owner, #last = :owner, #until = :until, expires = :expires",
                {":one": 1, ":owner": owner, ":until": until, ":expires": _expires(now), ":now": now},
                _FREE,
            )
        except _RefusedError as refused:
            if "done" in refused.item:
                return Done()
            if refused.item.get("owner", {}).get("S") == owner:
                return Begun(int(refused.item["starts"]["N"]))
            return Busy(float(refused.item["until"]["N"]))
        return Begun(int(item["starts"]["N"]))

    async def extend(self, key: str, owner: str, until: float) -> bool:
        return self._if(_MINE, key, "SET #until = :until", {":until": until, ":owner": owner})

    async def finish(self, key: str, owner: str, now: float) -> bool:
        # Still mine if done: then this call is sent again, because its answer was lost.
        change = "SET done = :yes, expires = :expires"
        return self._if(_MINE, key, change, {":yes": True, ":expires": _expires(now), ":owner": owner})

    async def release(self, key: str, owner: str) -> None:
        self._if(_MINE, key, "REMOVE #owner, #until", {":owner": owner})

    async def count(self, key: str, owner: str, now: float) -> int:
        try:
            item = self._update(
                key,
                "ADD starts :one SET #last = :owner, expires = :expires",
                {":one": 1, ":owner": owner, ":expires": _expires(now)},
                _NOT_COUNTED,
            )
        except _RefusedError as refused:
            item = refused.item
        return int(item["starts"]["N"])

    async def forget(self, key: str, owner: str) -> None:
        self._if(_NOBODY_ELSES, key, "REMOVE starts, #last, #owner, #until", {":owner": owner})

    def _if(self, condition: str, key: str, change: str, values: dict[str, Any]) -> bool:
        """Whether the condition held, and the change is made."""
        try:
            self._update(key, change, values, condition)
        except _RefusedError:
            return False
        return True

    def _update(self, key: str, change: str, values: dict[str, Any], condition: str) -> dict[str, Any]:
        """The item after the change. Raises _RefusedError if the condition does not hold."""
        used = [name for name in _RESERVED if f"#{name}" in change + condition]
        answer = self._ask(
            self._client.update_item,
            TableName=self._table,
            Key={KEY: {"S": key}},
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in used},
            ExpressionAttributeValues={name: _typed(value) for name, value in values.items()},
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return dict(answer["Attributes"])

    def _ask(self, operation: Any, **arguments: Any) -> Any:
        try:
            return operation(**arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                raise _RefusedError(error.response) from None
            raise RecordsError(str(error)) from error
        except BotoCoreError as error:
            raise RecordsError(f"{type(error).__name__}: {error}") from error


class _RefusedError(Exception):
    """The condition did not hold; `item` is what there was."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.item: dict[str, Any] = response.get("Item", {})


def _expires(now: float) -> int:
    return int(now) + RECORD_SECONDS


def _typed(value: str | float | bool) -> dict[str, Any]:
    """A value as DynamoDB wants it."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    return {"N": str(Decimal(str(value)))}
