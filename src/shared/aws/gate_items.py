"""The items of the gates in the table of records: reads and conditional updates of one gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from shared.aws.dynamodb_items import attributes, typed
from shared.aws.dynamodb_records import KEY, LEFT_SECONDS
from shared.aws.transport import AnsweredError, CallError, Transport, meaning, never
from shared.ports.auto import CUT, FASTEST, REFUSED, SLOWEST, TOOK
from shared.ports.breaker import BEGUN, FAILING, LAST, LONGEST, OPENED, SHUT_UNTIL, SINCE, TRIP
from shared.ports.gates import AT_ONCE, BURST, EVERY, HELD, NEXT, PAUSED, REV, Gate, GatesError, gate_of
from shared.ports.records import record_key
from shared.ports.workers import Meaning

_NAMES = (PAUSED, EVERY, BURST, REV, NEXT, AT_ONCE, HELD, SLOWEST, FASTEST, REFUSED, CUT, TOOK)
_OF_BREAKERS = (BEGUN, FAILING, LAST, LONGEST, OPENED, SHUT_UNTIL, SINCE, TRIP)


class GateItems:
    """The gates' items in the table of that name, called through `transport`.

    ends_at -- when the invocation ends, in epoch seconds. In its last second nothing is sent.
    """

    def __init__(self, transport: Transport, table: str, ends_at: Callable[[], float] = never) -> None:
        self._transport = transport
        self._table = table
        self._ends_at = ends_at

    async def _say(self, queue: str, change: str, values: Mapping[str, Any] | None = None) -> None:
        try:
            await self._update(queue, change, values or {}, {})
        except CallError as error:
            raise failed(error) from error

    async def _update_if(
        self,
        queue: str,
        change: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str],
        by: float = inf,
    ) -> tuple[bool, Gate]:
        """Makes the change if the condition holds. Returns whether it did, and the gate as it is then.

        by -- nothing is sent later, in epoch seconds.
        """
        try:
            answer = await self._update(queue, change, values, names, condition, by)
        except AnsweredError as error:
            if error.code != "ConditionalCheckFailedException":
                raise failed(error) from error
            return False, gate_of(attributes(error.body.get("Item") or {}))
        return True, gate_of(attributes(answer.get("Attributes") or {}))

    async def _update(
        self,
        queue: str,
        change: str,
        values: Mapping[str, Any],
        names: Mapping[str, str],
        condition: str = "",
        by: float = inf,
    ) -> Mapping[str, Any]:
        """Makes the change. Raises AnsweredError, or GatesError for any other failure."""
        used = change + condition
        ours = {f"#{name}": name for name in _NAMES + _OF_BREAKERS if f"#{name}" in used}
        asked: dict[str, Any] = {
            "TableName": self._table,
            "Key": {KEY: {"S": key_of(queue)}},
            "UpdateExpression": change,
            "ExpressionAttributeNames": {**ours, **names},
        }
        if condition:
            asked |= {"ConditionExpression": condition, "ReturnValues": "ALL_NEW"}
            asked["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if values:
            asked["ExpressionAttributeValues"] = {name: typed(value) for name, value in values.items()}
        return await self._call("UpdateItem", asked, by)

    async def _call(self, operation: str, asked: Mapping[str, Any], by: float = inf) -> Mapping[str, Any]:
        until = min(by, self._ends_at() - LEFT_SECONDS)
        try:
            return (await self._transport.call("dynamodb", operation, asked, until)).body
        except AnsweredError:
            raise
        except CallError as error:
            raise failed(error) from error


def failed(error: CallError) -> GatesError:
    return GatesError(str(error), meaning(error, Meaning.TRANSIENT))


def key_of(queue: str) -> str:
    return record_key("gate", queue)
