"""DynamoDB's BatchGetItem and UpdateItem on gates in memory.

That the adapter's expressions say what they should is tested on moto (`tests/contract/test_gates.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


async def update_gate(gates: MemoryGates, asked: Mapping[str, Any]) -> None:
    assert asked["ExpressionAttributeNames"] == {"#paused": "paused"}
    match asked["UpdateExpression"]:
        case "SET #paused = if_not_exists(#paused, :now)":
            now = asked["ExpressionAttributeValues"][":now"]["N"]
            await gates.pause(_queue(asked["Key"]), float(now))
        case "REMOVE #paused":
            await gates.resume(_queue(asked["Key"]))
        case other:
            raise AssertionError(f"DynamoDB is asked to {other}")


def _queue(key: Mapping[str, Any]) -> str:
    found: str = key["key"]["S"]
    assert found.startswith(KIND)
    return found.removeprefix(KIND)


def _item(queue: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: _typed(value) for name, value in attributes.items()}
    return {"key": {"S": f"{KIND}{queue}"}, **typed}


def _typed(value: Any) -> Any:
    return {"N": repr(value)} if isinstance(value, float) else value
