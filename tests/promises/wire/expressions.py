"""DynamoDB's expressions on one item: as much of them as a change of one item may need.

The contract of records and gates holds with them as on moto (`tests/contract`).
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

TOKEN = re.compile(r"<=|>=|<>|[=<>(),.]|[#:]?\w+")
COMPARED = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SECTIONS = ("SET", "REMOVE", "ADD")


def updated(item: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the item after what UpdateItem is asked; None if the condition does not hold."""
    names = asked.get("ExpressionAttributeNames", {})
    values = asked.get("ExpressionAttributeValues", {})
    condition = _Expression(asked.get("ConditionExpression", ""), names, values, item)
    change = _Expression(asked["UpdateExpression"], names, values, item)
    assert {one for one in condition.left + change.left if one[0] in "#:"} == names.keys() | values.keys()
    if condition.left and not condition.either():
        assert not condition.left, condition.left
        return None
    assert not condition.left, condition.left
    return change.changed()


class _Expression:
    """An expression about an item. `left` has its tokens that were not read yet."""

    def __init__(
        self, text: str, names: Mapping[str, str], values: Mapping[str, Any], item: Mapping[str, Any]
    ) -> None:
        self.left = TOKEN.findall(text)
        assert "".join(self.left) == "".join(text.split()), f"DynamoDB is asked: {text}"
        self._names, self._values, self._item = names, values, item

    def _takes(self, token: str) -> bool:
        """Reads the token if it comes next. Returns whether it did."""
        comes = self.left[:1] == [token]
        if comes:
            del self.left[0]
        return comes

    def _expect(self, token: str) -> None:
        assert self._takes(token), f"DynamoDB reads {' '.join(self.left)}, and not {token}"

    # ---- Values ----

    def _path(self) -> list[str]:
        path = [self.left.pop(0)]
        while self._takes("."):
            path.append(self.left.pop(0))
        return [self._names[one] if one.startswith("#") else one for one in path]

    def _at(self, path: Sequence[str]) -> Any:
        """Returns the value there, with its type; None if there is none."""
        found: Any = {"M": self._item}
        for name in path:
            found = found.get("M", {}).get(name) if found is not None else None
        return found

    def _operand(self) -> Any:
        if self._takes("size"):
            value = self._of_a_path()
            return value and {"N": str(len(next(iter(value.values()))))}
        if self._takes("if_not_exists"):
            self._expect("(")
            value = self._at(self._path())
            self._expect(",")
            other = self._operand()
            self._expect(")")
            return other if value is None else value
        if self.left[0].startswith(":"):
            return self._values[self.left.pop(0)]
        return self._at(self._path())

    def _of_a_path(self) -> Any:
        self._expect("(")
        value = self._at(self._path())
        self._expect(")")
        return value

    # ---- Conditions. All of one is read, whatever its first part says. ----

    def either(self) -> bool:
        holds = self._both()
        while self._takes("OR"):
            holds |= self._both()
        return holds

    def _both(self) -> bool:
        holds = self._one()
        while self._takes("AND"):
            holds &= self._one()
        return holds

    def _one(self) -> bool:
        if self._takes("NOT"):
            return not self._one()
        if self._takes("("):
            holds = self.either()
            self._expect(")")
            return holds
        if self._takes("attribute_exists"):
            return self._of_a_path() is not None
        if self._takes("attribute_not_exists"):
            return self._of_a_path() is None
        left, compared, right = self._operand(), self.left.pop(0), self._operand()
        if left is None or right is None or left.keys() != right.keys():
            return compared == "<>"
        ((kind, one), (_, other)) = (*left.items(), *right.items())
        if kind == "N":
            one, other = Decimal(one), Decimal(other)
        return bool(COMPARED[compared](one, other))

    # ---- Changes. Values are those before all of them. ----

    def changed(self) -> dict[str, Any]:
        item = deepcopy(dict(self._item))
        while self.left:
            section = self.left.pop(0)
            assert section in SECTIONS, f"DynamoDB is asked to {section}"
            self._change(section, item)
            while self._takes(","):
                self._change(section, item)
        return item

    def _change(self, section: str, item: dict[str, Any]) -> None:
        *outer, name = path = self._path()
        place = item
        for one in outer:
            place = place[one]["M"]  # DynamoDB refuses a path that leads nowhere
        if section == "REMOVE":
            place.pop(name, None)
        elif section == "SET":
            self._expect("=")
            place[name] = self._operand()
        else:
            place[name] = _sum(self._at(path), self._operand())


def _sum(value: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    if "SS" in more:
        return {"SS": sorted({*more["SS"], *(value or {"SS": ()})["SS"]})}
    return {"N": str(Decimal(more["N"]) + Decimal((value or {"N": "0"})["N"]))}
