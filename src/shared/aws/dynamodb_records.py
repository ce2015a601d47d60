"""The `Records` port on a DynamoDB table.

Each record is one item. A message's has `starts`, `last` and `last_but_one` (the owners that counted last),
`excused`, `allowed` and `concluded` (true, or the letter's reason); a run's has `owner`, `until`, `done` and
`unsent`. Its `key` begins with the kind, and DynamoDB removes it after `expires`
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html). Every change is one UpdateItem.
Conditions make sure that two workers can't both win, and that a call counts once even if it is sent again
because its answer was lost
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from shared.aws.transport import AnsweredError, CallError, Transport, never
from shared.lease import RECORD_SECONDS
from shared.ports.records import GIVEN_UP, Busy, Counted, Done, Owned, RecordsError

LEFT_SECONDS = 1.0
"""Of the function's time, for the call that settles the message: it comes after its records."""

KEY = "key"
EXPIRES = "expires"
_RESERVED = ("last", "owner", "until")
"""Reserved words of DynamoDB: an expression names them with a `#`."""

_FREE = "attribute_not_exists(done) AND (attribute_not_exists(#owner) OR #until < :now)"
_MINE = "#owner = :owner"
_MINE_TO_END = f"{_MINE} AND attribute_not_exists(done)"
_IS_DONE = "attribute_exists(done)"
_DONE = "SET done = :yes, expires = :expires"
_LAST_TWO = ("#last", "last_but_one")
_NOT_COUNTED = " AND ".join(f"(attribute_not_exists({one}) OR {one} <> :owner)" for one in _LAST_TWO)


class DynamoDbRecords:
    """The records in the table of that name, called through `transport`.

    ends_at -- when the invocation ends, in epoch seconds. In its last second no record is changed.
    """

    def __init__(self, transport: Transport, table: str, ends_at: Callable[[], float] = never) -> None:
        self._transport = transport
        self._table = table
        self._ends_at = ends_at

    async def count(self, key: str, owner: str, now: float) -> Counted:
        try:
            item = await self._update(
                key,
                "ADD starts :one SET last_but_one = if_not_exists(#last, :nobody), #last = :owner, "
                "expires = :expires",
                {":one": 1, ":owner": owner, ":expires": _expires(now), ":nobody": GIVEN_UP},
                _NOT_COUNTED,
            )
        except _RefusedError as refused:
            item = refused.item
        allowed = int(_number(item, "allowed")) if "allowed" in item else 0
        letter = _text(item, "concluded")
        return Counted(int(_number(item, "starts")), allowed, "concluded" in item and not letter, letter)

    async def excuse(self, key: str, owner: str, now: float, unloaded: bool) -> int:
        change = "ADD starts :less, excused :more SET expires = :expires, last_but_one = :nobody"
        values = {":less": -1, ":more": int(unloaded), ":owner": owner, ":expires": _expires(now)}
        values[":nobody"] = GIVEN_UP
        for counted in _LAST_TWO:  # SQS may deliver a message to two workers at the same time
            moved = ", #last = if_not_exists(last_but_one, :nobody)" if counted == "#last" else ""
            try:
                item = await self._update(key, change + moved, values, f"{counted} = :owner")
                break
            except _RefusedError as refused:
                item = refused.item
        return int(_number(item, "excused")) if "excused" in item else 0

    async def allow(self, key: str, attempts: int, now: float) -> None:
        values = {":attempts": attempts, ":expires": _expires(now)}
        await self._update(key, "SET allowed = :attempts, expires = :expires", values)

    async def conclude(self, key: str, now: float, letter: str = "") -> None:
        values = {":yes": letter or True, ":none": 0, ":expires": _expires(now)}
        change = "SET concluded = :yes, expires = :expires ADD starts :none"
        await self._update(key, change, values)

    async def own(self, key: str, owner: str, now: float, until: float) -> Owned | Busy | Done:
        try:
            await self._update(
                key,
                "SET #owner = :owner, #until = :until, expires = :expires",
                {":owner": owner, ":until": until, ":expires": _expires(now), ":now": now},
                _FREE,
            )
        except _RefusedError as refused:
            if "done" in refused.item:
                return _done_in(refused.item, now)
            if refused.item.get("owner") == {"S": owner}:
                return Owned()
            return Busy(_number(refused.item, "until"))
        return Owned()

    async def extend(self, key: str, owner: str, until: float) -> bool:
        return await self._if(_MINE, key, "SET #until = :until", {":until": until, ":owner": owner})

    async def finish(self, key: str, owner: str, now: float, unsent: str = "") -> bool:
        # A run that is done is still mine: this call may be sent again because its answer was lost.
        change, values = _done(owner, now, unsent)
        return await self._if(_MINE, key, change if unsent else f"{change} REMOVE unsent", values)

    async def sent(self, key: str, now: float) -> None:
        await self._if(_IS_DONE, key, "SET expires = :expires REMOVE unsent", {":expires": _expires(now)})

    async def disown(self, key: str, owner: str, until: float | None = None) -> Done | Busy | None:
        change = "REMOVE #owner, #until"
        values: dict[str, Any] = {":owner": owner}
        if until is not None:
            change = "SET #owner = :nobody, #until = :until"
            values |= {":nobody": GIVEN_UP, ":until": until}
        try:
            await self._update(key, change, values, _MINE_TO_END)
        except _RefusedError as refused:
            has_it = _text(refused.item, "owner")
            if "done" in refused.item:
                return Done(has_it == owner, _text(refused.item, "unsent"))
            if has_it not in ("", GIVEN_UP):
                return Busy(_number(refused.item, "until"))
        return None

    def completion(self, key: str, owner: str, now: float, unsent: str = "") -> dict[str, Any]:
        return {"Update": completion_in(self._table, key, owner, now, unsent)}

    async def _if(self, condition: str, key: str, change: str, values: dict[str, Any]) -> bool:
        """Makes the change if the condition holds. Returns whether it held."""
        try:
            await self._update(key, change, values, condition)
        except _RefusedError:
            return False
        return True

    async def _update(
        self, key: str, change: str, values: dict[str, Any], condition: str = ""
    ) -> dict[str, Any]:
        """Makes the change and returns the new item. Raises _RefusedError if the condition does not hold."""
        asked = _asked(self._table, key, change, values, condition) | {"ReturnValues": "ALL_NEW"}
        if condition:
            asked["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        try:
            until = self._ends_at() - LEFT_SECONDS
            answer = await self._transport.call("dynamodb", "UpdateItem", asked, until)
        except AnsweredError as error:
            if error.code == "ConditionalCheckFailedException":
                raise _RefusedError(error.body) from None
            raise RecordsError(str(error)) from error
        except CallError as error:
            raise RecordsError(str(error)) from error
        item = answer.body.get("Attributes")
        if not isinstance(item, dict):
            raise RecordsError("BadAnswer: it has no Attributes")
        return item


def completion_in(table: str, key: str, owner: str, now: float, unsent: str = "") -> dict[str, Any]:
    """Returns the `Update` that records a completion in the table of that name. Unlike `finish` it is refused
    if the run is done: it goes with an effect, which must not happen again
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html)."""
    return _asked(table, key, *_done(owner, now, unsent), _MINE_TO_END)


def _done(owner: str, now: float, unsent: str) -> tuple[str, dict[str, Any]]:
    """Returns the change that records a completion, and its values."""
    change, values = _DONE, {":yes": True, ":expires": _expires(now), ":owner": owner}
    return (f"{change}, unsent = :unsent", {**values, ":unsent": unsent}) if unsent else (change, values)


def _done_in(item: Mapping[str, Any], now: float) -> Done | Busy:
    unsent = _text(item, "unsent")
    if unsent and "until" in item and (until := _number(item, "until")) >= now:
        return Busy(until)
    return Done(unsent=unsent)


def _asked(table: str, key: str, change: str, values: dict[str, Any], condition: str) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "TableName": table,
        "Key": {KEY: {"S": key}},
        "UpdateExpression": change,
        "ExpressionAttributeValues": {name: _typed(value) for name, value in values.items()},
    }
    if condition:
        used = [name for name in _RESERVED if f"#{name}" in change + condition]
        asked["ConditionExpression"] = condition
        if used:
            asked["ExpressionAttributeNames"] = {f"#{name}": name for name in used}
    return asked


class _RefusedError(Exception):
    """The condition did not hold. `item` is the item that the table has."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__()
        item = answer.get("Item")  # missing if the table has none
        self.item: dict[str, Any] = item if isinstance(item, dict) else {}


def _number(item: Mapping[str, Any], name: str) -> float:
    """Returns the number of that name. Raises RecordsError if the item has none."""
    try:
        number = float(item[name]["N"])
    except (LookupError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise RecordsError(f"BadAnswer: it has no {name}")
    return number


def _text(item: Mapping[str, Any], name: str) -> str:
    """Returns the text of that name, or "" if the item has none."""
    value = item.get(name)
    text = value.get("S") if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def _expires(now: float) -> int:
    return int(now) + RECORD_SECONDS


def _typed(value: str | float | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    return {"N": str(value)}
