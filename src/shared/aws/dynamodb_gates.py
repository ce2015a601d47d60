"""The `Gates` port on the DynamoDB table of the records.

A read is consistent: it has all changes that were made before it began
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.dynamodb_items import attributes, typed
from shared.aws.dynamodb_records import KEY
from shared.aws.transport import AnsweredError, CallError, Transport, meaning, understood
from shared.ports.breaker import (
    DEFAULT_TRIP,
    FAILING,
    LAST,
    LONGEST,
    OPENED,
    QUIET_SECONDS,
    SHUT_UNTIL,
    SINCE,
    TRIP,
)
from shared.ports.gates import (
    AT_ONCE,
    BURST,
    EVERY,
    HELD,
    NEXT,
    PAUSED,
    REV,
    Gate,
    GatesError,
    Rate,
    Taking,
    gate_of,
)
from shared.ports.records import record_key
from shared.ports.workers import Reply

_NAMES = (PAUSED, EVERY, BURST, REV, NEXT, AT_ONCE, HELD)
_OF_BREAKERS = (FAILING, LAST, LONGEST, OPENED, SHUT_UNTIL, SINCE, TRIP)
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
        return {queue: gate_of(attributes(items.get(queue, {}))) for queue in queues}

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        takes, dead = _numbered("take", taking.takes), _numbered("dead", taking.dead)
        sets = ["#rev = :after", *(f"#held.#{one} = :{one}" for one in takes)]
        values = {":rev": float(rev), ":after": rev + 1.0}
        if taking.next is not None:
            sets.append("#next = :next")
            values[":next"] = taking.next
        if taking.shut_until is not None:
            sets.append("#shut_until = :shut")
            values[":shut"] = taking.shut_until
        values |= {f":{one}": until for one, (_, until) in (takes | dead).items()}
        removes = ", ".join(f"#held.#{one}" for one in dead)
        return await self._update_if(
            queue,
            f"SET {', '.join(sets)}{' REMOVE ' * bool(dead)}{removes}",
            " AND ".join([_MINE, *(f"#held.#{one} = :{one}" for one in dead)]),
            values,
            {f"#{one}": name for one, (name, _) in (takes | dead).items()},
        )

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        claimed, gate = await self._update_if(
            queue,
            "SET #held.#own = :until REMOVE #held.#permit",
            "#held.#permit >= :now",
            {":now": now, ":until": until},
            {"#own": own, "#permit": permit},
        )
        return claimed or own in gate.held  # a call whose answer was lost is sent again

    async def renew(self, queue: str, own: str, until: float) -> bool:
        change, there = "SET #held.#own = :until", "attribute_exists(#held.#own)"
        renewed, _ = await self._update_if(queue, change, there, {":until": until}, {"#own": own})
        return renewed

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        names = {f"#{one}": name for one, (name, _) in _numbered("permit", dict.fromkeys(permits)).items()}
        removes = ", ".join(f"#held.{one}" for one in names)
        await self._update_if(queue, f"REMOVE {removes}", "attribute_exists(#held)", {}, names)

    async def unavailable(self, queue: str, message: str, now: float, until: float | None) -> Gate:
        values = {":now": now, ":quiet": now - QUIET_SECONDS, ":who": {message}}
        change = "SET #last = :now"
        if until is not None:
            change, values = f"{change}, #shut_until = :until", {**values, ":until": until}
        said, gate = await self._update_if(
            queue, f"{change} ADD #failing :who", "#last >= :quiet", values, {}
        )
        if said:
            return gate
        anew = f"{change}, #since = :now, #failing = :who REMOVE #opened{'' if until else ', #shut_until'}"
        said, gate = await self._update_if(
            queue, anew, "attribute_not_exists(#last) OR #last < :quiet", values, {}
        )
        # If another worker has begun the count meanwhile, one of the two first messages is not counted.
        return gate

    async def succeeded(self, queue: str, now: float, tried: bool) -> None:
        if tried:
            change, condition = (
                "SET #opened = :now REMOVE #failing, #shut_until",
                "attribute_exists(#failing)",
            )
            await self._update_if(queue, change, condition, {":now": now}, {})
            return
        few = "(size(#failing) < #trip OR (attribute_not_exists(#trip) AND size(#failing) < :trip))"
        await self._update_if(
            queue,
            "REMOVE #failing, #shut_until",
            f"attribute_exists(#failing) AND {few}",
            {":trip": DEFAULT_TRIP},
            {},
        )

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

    async def cap(self, queue: str, at_once: int | None) -> None:
        if at_once is None:
            await self._say(queue, "REMOVE #at_once ADD #rev :one", {":one": 1})
            return
        # A permit is written into a map, which has to exist. An existing map keeps its permits.
        held = "SET #held = if_not_exists(#held, :none), #at_once = :at_once ADD #rev :one"
        await self._say(queue, held, {":none": {}, ":at_once": at_once, ":one": 1})

    async def break_at(self, queue: str, trip: int | None, longest: float | None) -> None:
        rule = {TRIP: trip, LONGEST: longest}
        sets = ", ".join(f"#{name} = :{name}" for name, value in rule.items() if value is not None)
        removes = ", ".join(f"#{name}" for name, value in rule.items() if value is None)
        change = " ".join(f"{word} {names}" for word, names in (("SET", sets), ("REMOVE", removes)) if names)
        values = {f":{name}": value for name, value in rule.items() if value is not None}
        await self._say(queue, change, values)

    async def _say(self, queue: str, change: str, values: Mapping[str, Any] | None = None) -> None:
        try:
            await self._update(queue, change, values or {}, {})
        except CallError as error:
            raise _failed(error) from error

    async def _update_if(
        self, queue: str, change: str, condition: str, values: Mapping[str, Any], names: Mapping[str, str]
    ) -> tuple[bool, Gate]:
        """Makes the change if the condition holds. Returns whether it did, and the gate as it is then."""
        try:
            answer = await self._update(
                queue,
                change,
                values,
                names,
                ConditionExpression=condition,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AnsweredError as error:
            if error.code != "ConditionalCheckFailedException":
                raise _failed(error) from error
            return False, gate_of(attributes(error.body.get("Item") or {}))
        return True, gate_of(attributes(answer.get("Attributes") or {}))

    async def _update(
        self, queue: str, change: str, values: Mapping[str, Any], names: Mapping[str, str], **more: Any
    ) -> Mapping[str, Any]:
        """Makes the change. Raises AnsweredError, or GatesError for any other failure."""
        used = change + more.get("ConditionExpression", "")
        ours = {f"#{name}": name for name in _NAMES + _OF_BREAKERS if f"#{name}" in used}
        asked: dict[str, Any] = {
            "TableName": self._table,
            "Key": {KEY: {"S": _key(queue)}},
            "UpdateExpression": change,
            "ExpressionAttributeNames": {**ours, **names},
            **more,
        }
        if values:
            asked["ExpressionAttributeValues"] = {name: typed(value) for name, value in values.items()}
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


def _numbered(kind: str, permits: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Returns the permits by names that an expression may have."""
    return {f"{kind}{number}": one for number, one in enumerate(permits.items())}
