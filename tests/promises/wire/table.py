"""DynamoDB's table in front of the records and gates that a sandbox has in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.promises.wire.expressions import updated

from shared.aws.dynamodb_items import attributes
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_records import MemoryRecords, Record

type Item = dict[str, Any]

KIND = "gate#"


class Table:
    """The items of the records are the table's own, and `records` follows them. Those of gates are made of
    `gates`, which an operator changes meanwhile."""

    def __init__(self, records: MemoryRecords | None, gates: MemoryGates | None) -> None:
        self._records = records
        self._gates = gates
        self._items: dict[str, Item] = {}

    def read(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answers BatchGetItem. Items that are not there are left out."""
        ((table, wanted),) = asked["RequestItems"].items()
        assert wanted["ConsistentRead"] is True
        items = [self._item(key["key"]["S"]) for key in wanted["Keys"]]
        return {"Responses": {table: [item for item in items if item]}, "UnprocessedKeys": {}}

    def update(self, asked: Mapping[str, Any]) -> tuple[bool, Item]:
        """Does UpdateItem. Returns whether the condition held, and the item as it is then."""
        key = asked["Key"]["key"]["S"]
        if "ConditionExpression" in asked:
            assert asked["ReturnValues"] == "ALL_NEW"
            assert asked["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        item = self._item(key)
        after = updated(item or {"key": {"S": key}}, asked)
        if key.startswith(KIND):
            self._gates_by(key)[key.removeprefix(KIND)] = attributes(after or item)
        else:
            self._keep(key, after or item)
        return after is not None, item if after is None else after

    def _keep(self, key: str, item: Item) -> None:
        assert self._records is not None
        if item:
            self._items[key], self._records.records[key] = item, _record(item)
        else:
            self._records.records.pop(key, None)

    def _item(self, key: str) -> Item:
        if not key.startswith(KIND):
            return self._items.get(key, {})
        gate = self._gates_by(key).get(key.removeprefix(KIND))
        return {"key": {"S": key}, **{name: _typed(one) for name, one in gate.items()}} if gate else {}

    def _gates_by(self, key: str) -> dict[str, dict[str, Any]]:
        assert self._gates is not None, key
        return self._gates.attributes


def _record(item: Mapping[str, Any]) -> Record:
    found = {name: next(iter(typed.values())) for name, typed in item.items() if name != "key"}
    letter = found.pop("concluded", "")
    for name in found.keys() & {"starts", "excused", "allowed"}:
        found[name] = int(found[name])
    for name in found.keys() & {"until", "expires"}:
        found[name] = float(found[name])
    return Record(**found, concluded=letter is True, letter="" if letter is True else letter)


def _typed(value: Any) -> Any:
    if isinstance(value, frozenset):
        return {"SS": sorted(value)}
    if isinstance(value, dict) and not value.keys() & {"S", "BOOL", "NULL"}:  # else it is typed already
        return {"M": {name: _typed(one) for name, one in value.items()}}
    return {"N": repr(value)} if isinstance(value, float) else value
