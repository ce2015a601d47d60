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
    """The condition did not hold. `item` is what there was."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__()
        self.item = item


async def update_item(records: MemoryRecords, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the item after the change. Raises RefusedError."""
    assert asked["ReturnValues"] == "ALL_NEW"
    assert asked.get("ReturnValuesOnConditionCheckFailure") == ("ALL_OLD" if _condition(asked) else None)
    key = asked["Key"]["key"]["S"]
    values = {name[1:]: _value(typed) for name, typed in asked["ExpressionAttributeValues"].items()}
    before = _item(key, records.records.get(key))
    if not await _change(records, key, asked["UpdateExpression"], values):
        raise RefusedError(before)
    return _item(key, records.records.get(key))


async def _change(records: MemoryRecords, key: str, change: str, values: Mapping[str, Any]) -> bool:
    """Tells whether the change was made."""
    owner = values.get("owner", "")
    now = values.get("expires", 0.0) - RECORD_SECONDS
    before = records.records.get(key)
    starts, last = (before.starts, before.last) if before is not None else (0, None)
    if change.startswith(("REMOVE #owner", "SET #owner = :nobody")):
        mine = before is not None and before.owner == owner and not before.done
        await records.disown(key, owner, values.get("until"))
        return mine
    if change.startswith("SET #owner"):
        theirs = before is not None and before.owner is not None and before.until >= values["now"]
        return (
            isinstance(await records.begin(key, owner, values["now"], values["until"]), Begun) and not theirs
        )
    if change.startswith("ADD starts :one"):
        return (await records.count(key, owner, now)).starts > starts
    if change.startswith("ADD starts :less"):
        if last != owner:
            return False
        await records.excuse(key, owner, now, values["more"] == 1)
        return True
    if change.startswith("SET allowed"):
        await records.allow(key, int(values["attempts"]), now)
        return True
    if change.startswith("SET concluded"):
        letter = values["yes"]
        await records.conclude(key, now, letter if isinstance(letter, str) else "")
        return True
    if change.startswith("SET #until"):
        return await records.extend(key, owner, values["until"])
    if change.startswith(("SET done", "SET expires")):
        return await _end(records, key, change, values)
    raise AssertionError(f"DynamoDB is asked to {change}")


async def _end(records: MemoryRecords, key: str, change: str, values: Mapping[str, Any]) -> bool:
    now = values["expires"] - RECORD_SECONDS
    if change.startswith("SET done"):
        return await records.finish(key, values["owner"], now, values.get("unsent", ""))
    await records.sent(key, now)
    return key in records.records and records.records[key].done


def _condition(asked: Mapping[str, Any]) -> bool:
    return "ConditionExpression" in asked


def _item(key: str, record: Record | None) -> dict[str, Any]:
    """Writes a record as DynamoDB has it. A part that is not there has no attribute."""
    if record is None:
        return {}
    item = {
        "key": {"S": key},
        "starts": {"N": str(record.starts)},
        "until": {"N": repr(record.until)},
        "expires": {"N": str(int(record.expires))},
        "excused": {"N": str(record.excused)},
        "allowed": {"N": str(record.allowed)},
    }
    if record.concluded or record.letter:
        item["concluded"] = {"S": record.letter} if record.letter else {"BOOL": True}
    if record.last is not None:
        item["last"] = {"S": record.last}
    if record.owner is not None:
        item["owner"] = {"S": record.owner}
    if record.unsent:
        item["unsent"] = {"S": record.unsent}
    return item | ({"done": {"BOOL": True}} if record.done else {})


def _value(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    return float(value) if kind == "N" else value
