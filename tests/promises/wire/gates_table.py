"""DynamoDB's BatchGetItem and UpdateItem on gates in memory.

That the adapter's expressions say what they should is tested on moto (`tests/contract/test_gates.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import Any

from shared.ports.auto import Auto, Cut
from shared.ports.breaker import DEFAULT_TRIP, SAID
from shared.ports.gates import Rate, Taking
from zigzag_testing.memory_gates import MemoryGates

KIND = "gate#"


async def batch_get_item(gates: MemoryGates, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of the items that are there. The answer leaves out the others."""
    ((table, wanted),) = asked["RequestItems"].items()
    assert wanted["ConsistentRead"] is True
    queues = [_queue(key) for key in wanted["Keys"]]
    await gates.read(queues)  # which takes as long as it does
    items = [_item(queue, gates.attributes[queue]) for queue in queues if gates.attributes[queue]]
    return {"Responses": {table: items}, "UnprocessedKeys": {}}


_OF_AUTO = "#slowest, #fastest, #next, #refused, #cut, #took"
_RESUME = "REMOVE #paused, #failing, #shut_until, #since, #last, #begun"
_PERMITS = re.compile(r"#held\.#(\w+)(?: = :\w+)?")


async def update_gate(gates: MemoryGates, asked: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Returns whether the condition held, and the item as it is then."""
    queue = _queue(asked["Key"])
    typed = asked.get("ExpressionAttributeValues", {}).items()
    values = {name[1:]: float(one["N"]) for name, one in typed if "N" in one}
    names = {name[1:]: one for name, one in asked["ExpressionAttributeNames"].items()}
    condition = asked.get("ConditionExpression", "")
    if condition:
        assert asked["ReturnValues"] == "ALL_NEW"
        assert asked["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    held = True
    match asked["UpdateExpression"]:
        case "SET #paused = if_not_exists(#paused, :now)":
            await gates.pause(queue, values["now"])
        case change if change.removeprefix("SET #opened = :now ") == _RESUME:
            held = "#opened" not in change or "failing" in gates.attributes[queue]
            if held:
                await gates.resume(queue, values.get("now", 0.0))
        case change if "#burst" in change:
            await _limit(gates, queue, change, values)
        case "SET #held = if_not_exists(#held, :none), #at_once = :at_once ADD #rev :one":
            await gates.cap(queue, int(values["at_once"]))
        case "REMOVE #at_once ADD #rev :one":
            await gates.cap(queue, None)
        case change:
            held = await _update_more(gates, queue, change, condition, names, values, dict(typed))
    return held, _item(queue, gates.attributes[queue])


async def _limit(gates: MemoryGates, queue: str, change: str, values: Mapping[str, float]) -> None:
    rule = "#every = :every, #burst = :burst"
    auto = f"{rule}, #refused = :refused, #slowest = :slowest, #fastest = :fastest"
    match change:
        case change if change == f"SET {auto} REMOVE #next, #cut, #took ADD #rev :one":
            limits = values["slowest"] / 1000, values["fastest"] / 1000
            await gates.limit(queue, Rate(values["every"] / 1000, int(values["burst"])), Auto(*limits))
        case change if change == f"SET {rule} REMOVE {_OF_AUTO} ADD #rev :one":
            await gates.limit(queue, Rate(values["every"] / 1000, int(values["burst"])))
        case change if change == f"REMOVE #every, #burst, {_OF_AUTO} ADD #rev :one":
            await gates.limit(queue, None)
        case other:
            raise AssertionError(f"DynamoDB is asked to {other}")


def _unavailable(
    attributes: dict[str, Any], change: str, values: Mapping[str, float], typed: Mapping[str, Any]
) -> bool:
    """Tells whether the condition held."""
    match change:
        case change if change.endswith("ADD #failing :who"):
            return _say(attributes, values, typed)
        case change if change == f"REMOVE {', '.join(f'#{name}' for name in SAID)}":
            return _forget(attributes, values)
        case "SET #since = if_not_exists(#since, :now), #last = :now":
            return _shut(attributes, values)
        case change if change.endswith("REMOVE #failing, #shut_until, #begun"):
            return _succeeded(attributes, values)
        case other:
            raise AssertionError(f"DynamoDB is asked to {other}")


def _say(attributes: dict[str, Any], values: Mapping[str, float], typed: Mapping[str, Any]) -> bool:
    """Notes that a message said Unavailable, unless older ones are to be forgotten first."""
    if "last" in attributes and attributes["last"] < values["quiet"]:
        return False
    attributes.setdefault("begun", values["now"])
    if "until" in values:
        attributes["shut_until"] = values["until"]
    attributes["failing"] = attributes.get("failing", frozenset()) | set(typed[":who"]["SS"])
    return True


def _shut(attributes: dict[str, Any], values: Mapping[str, float]) -> bool:
    """Notes that enough messages have said it. Returns whether they have."""
    if enough := len(attributes.get("failing", ())) >= values["trip"]:
        attributes |= {"since": attributes.get("since", values["now"]), "last": values["now"]}
    return enough


def _forget(attributes: dict[str, Any], values: Mapping[str, float]) -> bool:
    """Forgets what was said an hour ago. Returns whether it did."""
    if old := attributes.get("last", inf) < values["quiet"]:
        for name in SAID:
            attributes.pop(name, None)
    return old


def _succeeded(attributes: dict[str, Any], values: Mapping[str, float]) -> bool:
    """Takes back what was said, if the condition holds. Returns whether it does."""
    failing, begun = attributes.get("failing", ()), attributes.get("begun")
    held = begun == values["begun"] if "begun" in values else 0 < len(failing) < _trip(attributes)
    if held:
        for name in ("failing", "shut_until", "begun"):
            attributes.pop(name, None)
        attributes |= {"opened": values["now"]} if "now" in values else {}
    return held


def _trip(attributes: Mapping[str, Any]) -> float:
    return float(attributes.get("trip", DEFAULT_TRIP))


async def _update_more(
    gates: MemoryGates,
    queue: str,
    change: str,
    condition: str,
    names: Mapping[str, str],
    values: Mapping[str, float],
    typed: Mapping[str, Any],
) -> bool:
    """Tells whether the condition held."""
    held = True
    match change:
        case "SET #held.#own = :until REMOVE #held.#permit":
            there = names["own"] in gates.attributes[queue].get("held", {})
            ours = await gates.claim(queue, names["permit"], names["own"], values["now"], values["until"])
            held = ours and not there
        case change if "#failing" in change or "#since" in change:
            held = _unavailable(gates.attributes[queue], change, values, typed)
        case change if re.fullmatch(r"(SET|REMOVE) [^.]*#(trip|longest).*", change):
            trip = values.get("trip")
            await gates.break_at(queue, None if trip is None else int(trip), values.get("longest"))
        case "SET #every = :every, #refused = :refused, #cut = :at, #took = :took ADD #rev :one":
            every, refused = values["every"] / 1000, values["refused"] / 1000
            seen, took = values.get("seen", 0.0), values["took"] / 1000
            held = await gates.cut(queue, Cut(every, refused, values["at"], seen, took))
        case "SET #held.#own = :until":
            held = await gates.renew(queue, names["own"], values["until"])
        case change if change.startswith("REMOVE #held."):
            await gates.release(queue, [names[one] for one in _PERMITS.findall(change)])
        case change if change.startswith("SET #rev = :after"):
            takes, dead = (
                {names[one]: values[one] for one in _PERMITS.findall(part)}
                for part in (change.partition(" REMOVE ")[0], condition)
            )
            every = values["every"] / 1000 if "every" in values else None
            taking = Taking(values.get("next"), takes, dead, values.get("shut"), every)
            held, _ = await gates.swap(queue, int(values["rev"]), taking)
        case other:
            raise AssertionError(f"DynamoDB is asked to {other}")
    return held


def _queue(key: Mapping[str, Any]) -> str:
    found: str = key["key"]["S"]
    assert found.startswith(KIND)
    return found.removeprefix(KIND)


def _item(queue: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: _typed(value) for name, value in attributes.items()}
    return {"key": {"S": f"{KIND}{queue}"}, **typed}


def _typed(value: Any) -> Any:
    if isinstance(value, frozenset):
        return {"SS": sorted(value)}
    if isinstance(value, dict) and not value.keys() & {"S", "BOOL", "NULL"}:  # else it is typed already
        return {"M": {name: _typed(one) for name, one in value.items()}}
    return {"N": repr(value)} if isinstance(value, float) else value
