"""DynamoDB's UpdateItem on records in memory: which of the adapter's changes is it, and what comes of it?

That the adapter's expressions say what they should is tested on moto (`tests/contract/test_records.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.lease import RECORD_SECONDS
from shared.ports.records import Begun
from zigzag_testing.memory_records import MemoryRecords, Record


class RefusedError(Exception):
    """The condition did not hold; `item` is what there was."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__()
        self.item = item


async def update_item(records: MemoryRecords, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The item after the change. Raises RefusedError."""
    assert asked["ReturnValues"] == "ALL_NEW"
    assert asked["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    key = asked["Key"]["key"]["S"]
    values = {name[1:]: _value(typed) for name, typed in asked["ExpressionAttributeValues"].items()}
    before = _item(key, records.records.get(key))
    if not await _change(records, key, asked["UpdateExpression"], values):
        raise RefusedError(before)
    return _item(key, records.records.get(key))


async def _change(records: MemoryRecords, key: str, change: str, values: Mapping[str, Any]) -> bool:
    """Whether it was made."""
    owner = values.get("owner", "")
    before = records.records.get(key)
    starts = before.starts if before is not None else 0
    if change.startswith("ADD starts :one SET #owner"):
        begun = await records.begin(key, owner, values["now"], values["until"])
        return isinstance(begun, Begun) and begun.starts > starts
    if change.startswith("ADD starts :one SET #last"):
        return await records.count(key, owner, values["expires"] - RECORD_SECONDS) > starts
    if change.startswith("SET #until"):
        return await records.extend(key, owner, values["until"])
    if change.startswith("SET done"):
        return await records.finish(key, owner, values["expires"] - RECORD_SECONDS)
    if change.startswith("REMOVE #owner"):
        await records.disown(key, owner)
        return before is not None
    if change.startswith("REMOVE starts"):
        await records.forget(key, owner)
        return before is not None
    raise AssertionError(f"DynamoDB is asked to {change}")


def _item(key: str, record: Record | None) -> dict[str, Any]:
    """As DynamoDB has it: what is not there has no attribute."""
    if record is None:
        return {}
    item = {
        "key": {"S": key},
        "starts": {"N": str(record.starts)},
        "until": {"N": repr(record.until)},
        "expires": {"N": str(int(record.expires))},
    }
    if record.last is not None:
        item["last"] = {"S": record.last}
    if record.owner is not None:
        item["owner"] = {"S": record.owner}
    return item | ({"done": {"BOOL": True}} if record.done else {})


def _value(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    return float(value) if kind == "N" else value
