"""DynamoDB's BatchGetItem and UpdateItem on gates in memory.

That the adapter's expressions say what they should is tested on moto (`tests/contract/test_gates.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.ports.gates import Rate
from zigzag_testing.memory_gates import MemoryGates

KIND = "gate#"


async def batch_get_item(gates: MemoryGates, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is there of what is asked for. An item that is not there is not answered."""
    ((table, wanted),) = asked["RequestItems"].items()
    assert wanted["ConsistentRead"] is True
    queues = [_queue(key) for key in wanted["Keys"]]
    await gates.read(queues)  # which takes as long as it does
    items = [_item(queue, gates.attributes[queue]) for queue in queues if gates.attributes[queue]]
    return {"Responses": {table: items}, "UnprocessedKeys": {}}


async def update_gate(gates: MemoryGates, asked: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether the condition held, and the item as it is then."""
    queue = _queue(asked["Key"])
    values = {name[1:]: float(one["N"]) for name, one in asked.get("ExpressionAttributeValues", {}).items()}
    held = True
    match asked["UpdateExpression"]:
        case "SET #paused = if_not_exists(#paused, :now)":
            await gates.pause(queue, values["now"])
        case "REMOVE #paused":
            await gates.resume(queue)
        case "SET #every = :every, #burst = :burst REMOVE #next ADD #rev :one":
            await gates.limit(queue, Rate(values["every"] / 1000, int(values["burst"])))
        case "REMOVE #every, #burst, #next ADD #rev :one":
            await gates.limit(queue, None)
        case "SET #rev = :after, #next = :next":
            assert asked["ReturnValues"] == "ALL_NEW"
            assert asked["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
            held, _ = await gates.swap(queue, int(values["rev"]), values["next"])
        case other:
            raise AssertionError(f"DynamoDB is asked to {other}")
    return held, _item(queue, gates.attributes[queue])


def _queue(key: Mapping[str, Any]) -> str:
    found: str = key["key"]["S"]
    assert found.startswith(KIND)
    return found.removeprefix(KIND)


def _item(queue: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: _typed(value) for name, value in attributes.items()}
    return {"key": {"S": f"{KIND}{queue}"}, **typed}


def _typed(value: Any) -> Any:
    return {"N": repr(value)} if isinstance(value, float) else value
