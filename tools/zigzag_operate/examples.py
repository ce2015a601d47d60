"""Example payloads of a task: what its JSON Schema takes, at its bounds.

They are made from the schema, and a caller asks the model itself which of them it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

MAX_OF_A_VALUE = 24
"""Most examples of one field's value; an enumeration has up to MAX_WORDS."""

MAX_WORDS = 100
MAX_DEPTH = 6
"""Models within each other. A tree, whose model has itself, is made as deep as half of it."""

MAX_TEXT, MAX_ITEMS = 2_000, 50
"""Most characters of a text, and items of a list, if its field may have more."""

UNKNOWN_KEY = "a key of another version"
"""A key that no model has. Most models ignore it."""

_TEXTS = ("text", "", " ", "a", "0", "12.5", "värde 🚀", "line\nline")
_TEXTS_OF_A_PATTERN = (
    *("A1", "a-1", "a_1", "12", "00000", "true", "eu-west-1", "EUR", "+4940123456"),
    *("user@example.com", "https://example.com/a?b=c", "2026-01-31", "12:30"),
)
_FORMATS = {
    "date": ("2026-01-31", "1999-12-31"),
    "date-time": ("2026-01-31T12:30:00Z", "2026-01-31T12:30:00+02:00", "2026-01-31T12:30:00"),
    "time": ("12:30:00", "12:30:00Z"),
    "duration": ("P1DT2H", "PT30S"),
    "uuid": ("3f2b8c1e-4a7d-4c55-9d1a-0b6a4f0e9c11",),
    "uuid4": ("3f2b8c1e-4a7d-4c55-9d1a-0b6a4f0e9c11",),
    "email": ("user@example.com",),
    "uri": ("https://example.com/a?b=c", "http://localhost:8080"),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "json-string": ("{}", "[1]"),
    "path": ("a/b.txt",),
}
_NUMBERS = (1, 0, -1, 7, 1_000, 2_147_483_648, -2_147_483_649)
_ANYTHING: tuple[Any, ...] = ({}, {"key": 1}, [], [1], "text", 1, 0.5, True, None)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes values from schemas. `shared` has the definitions that they refer to."""

    shared: Mapping[str, Any]

    def values(self, schema: Mapping[str, Any], depth: int = 0, most: int = MAX_OF_A_VALUE) -> list[Any]:
        """Returns values of a schema, at its bounds. The first is a plain one; there may be none."""
        return list(islice(self._values(schema, depth), MAX_WORDS if "enum" in schema else most))

    def _values(self, schema: Mapping[str, Any], depth: int) -> Iterator[Any]:
        match schema:
            case {"const": value}:
                return iter([value])
            case {"enum": [*values]}:
                return iter(values)
            case {"$ref": str(name)}:
                return self._values(self.shared.get(name.rpartition("/")[2], {}), depth + 1)
            case {"anyOf": [*kinds]} | {"oneOf": [*kinds]}:
                return _in_turns([self.values(kind, depth) for kind in kinds])
            case {"allOf": [kind, *_]}:
                return self._values(kind, depth)
            case {"type": str(kind)}:
                return self._of_a_type(kind, schema, depth)
            case _:
                return iter(_ANYTHING)

    def _of_a_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Iterator[Any]:
        match kind:
            case "object":
                return self._objects(schema, depth)
            case "array":
                return self._arrays(schema, depth)
            case "string":
                return _texts(schema)
            case "integer" | "number":
                return _numbers(schema, whole=kind == "integer")
            case _:
                return iter((True, False) if kind == "boolean" else (None,))

    def _objects(self, schema: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        needed = set(schema.get("required", ()))
        fields = {
            name: self.values(of, depth + 1)
            for name, of in schema.get("properties", {}).items()
            if depth < MAX_DEPTH or name in needed
        }
        if any(not fields.get(name) for name in needed):
            return  # one that can't be made: too deep, or a pattern
        whole = {name: values[0] for name, values in fields.items() if values}
        yield whole
        yield {name: value for name, value in whole.items() if name in needed}
        yield from ({**whole, name: value} for name, value in _in_turns_by_name(fields))
        more = schema.get("additionalProperties", True)
        if isinstance(more, Mapping):
            yield from ({**whole, "key": value} for value in self.values(more, depth + 1))
        elif more:
            yield {**whole, UNKNOWN_KEY: 1}

    def _arrays(self, schema: Mapping[str, Any], depth: int) -> Iterator[list[Any]]:
        if places := schema.get("prefixItems"):
            parts = [values for part in places if (values := self.values(part, depth + 1))]
            plain = [values[0] for values in parts]
            yield plain
            for at, values in enumerate(parts):
                yield from ([*plain[:at], value, *plain[at + 1 :]] for value in values[1:])
            return
        least, most = schema.get("minItems", 0), schema.get("maxItems", MAX_ITEMS)
        items = self.values(schema.get("items", {}), depth + 1) if depth < MAX_DEPTH else []
        for length in dict.fromkeys((max(least, 1), least, most)):
            if length <= most and (items or not length):
                yield [items[at % len(items)] for at in range(length)]
        yield from ([item] * max(least, 1) for item in items[1:] if most)


def _in_turns(groups: list[list[Any]]) -> Iterator[Any]:
    """Yields the first of each group, then the second ones, and so on."""
    for place in range(max(map(len, groups), default=0)):
        yield from (group[place] for group in groups if place < len(group))


def _in_turns_by_name(fields: Mapping[str, list[Any]]) -> Iterator[tuple[str, Any]]:
    return _in_turns([[(name, value) for value in values[1:]] for name, values in fields.items()])


def _texts(schema: Mapping[str, Any]) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", MAX_TEXT)
    pattern = schema.get("pattern")
    texts = _FORMATS.get(schema.get("format", ""), _TEXTS) + (_TEXTS_OF_A_PATTERN if pattern else ())
    for text in dict.fromkeys((*texts, "x" * least, "x" * most)):
        if least <= len(text) <= most and (pattern is None or re.search(pattern, text)):
            yield text


def _numbers(schema: Mapping[str, Any], *, whole: bool) -> Iterator[float]:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    bounds = [bound for bound in (least, most) if bound is not None]
    bounds += [above + near for near in (1, 0.001) if above is not None]
    bounds += [below - near for near in (1, 0.001) if below is not None]
    bounds += [step * number for number in (1, 7) if step is not None]
    for number in dict.fromkeys((*_NUMBERS, *bounds, *(() if whole else (0.5, -12.75, 1e15)))):
        if (
            (not whole or number == int(number))
            and (least is None or number >= least)
            and (most is None or number <= most)
            and (above is None or number > above)
            and (below is None or number < below)
        ):
            yield int(number) if whole else number
