"""Finds the place where a payload changes when it is written as JSON and read again.

Pydantic writes some values that it does not read back: a SecretStr becomes stars, a subclass loses its
fields, an excluded field its value, a time its zone. A comparison by `==` is not enough: a Decimal that comes
back as a float may be equal. The findings name places and types, never values: values may be private.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Set
from datetime import tzinfo
from typing import Any, NamedTuple

_PLAIN = (str, int, float, bytes, dict, list)
"""A value of a subclass, such as a StrEnum or a defaultdict, may come back as one of these if it is equal."""

_SIMPLE = frozenset((str, int, float, bool, type(None)))
"""Types of most values: none of them has parts, or a time zone."""

_MAX_PATH_CHARACTERS = 200
"""Most characters of a path that are told: a key may be as long as the payload."""


class Change(NamedTuple):
    """A place where a value does not come back the same, and the change that happens to it."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path[-_MAX_PATH_CHARACTERS:] or 'payload'} {self.what}"


def change(given: Any, back: Any) -> Change | None:
    """Returns the first difference between `given` and `back`, or None. Raises RecursionError."""
    if type(given) is not type(back) and not _is_plainer(given, back):
        return Change("", _told(given, back))
    parts = None if type(given) in _SIMPLE else _parts(given, back)
    if parts is None:
        return _changed(given, back)
    for name, one, other in parts:
        found = change(one, other)
        if found is not None:  # only now: keys may be long, and a path for each value would be slow
            return found._replace(path=".".join(filter(None, (name, found.path))))
    return None


def _changed(given: Any, back: Any) -> Change | None:
    """Returns the difference between two values without parts, or None."""
    if type(given) not in _SIMPLE:
        if _has_rules(given):
            return Change("", "loses its time zone, and has an offset in its place: send it in UTC")
        if _is_second(given):
            return Change("", "loses its fold, the second of two equal times: send it in UTC")
    same = given == back or (given != given and back != back)  # NaN equals nothing
    return None if same else Change("", "comes back with another value")


class _Missing:
    """Stands in the place of a value that is not there."""


def _told(given: Any, back: Any) -> str:
    if isinstance(back, _Missing):
        return "does not come back, or under another name"
    if isinstance(given, _Missing):
        return "was not there, and comes back"
    return f"comes back as {type(back).__name__}, not as {type(given).__name__}"


def _is_plainer(given: Any, back: Any) -> bool:
    return type(back) in _PLAIN and isinstance(given, type(back)) and not isinstance(given, bool)


def _has_rules(given: Any) -> bool:
    """Returns whether a time has a zone whose offset depends on the day. A text has only the offset: it names
    the same moment, but a day later the offset may be wrong by an hour."""
    zone = getattr(given, "tzinfo", None)
    return isinstance(zone, tzinfo) and zone.utcoffset(None) is None


def _is_second(given: Any) -> bool:
    """Returns whether a time without a zone is in an hour's second pass, which a text can't say."""
    return getattr(given, "fold", 0) == 1 and given.tzinfo is None


def _parts(given: Any, back: Any) -> Iterator[tuple[str, Any, Any]] | None:
    """Returns the names of the parts of both, with their values; None for a value that has no parts."""
    if hasattr(type(given), "model_fields"):
        return _named(_fields(given), _fields(back))
    if hasattr(type(given), "__dataclass_fields__") and type(given) is type(back):
        return _named(_dataclass_fields(given), _dataclass_fields(back))
    if isinstance(given, Mapping):
        return _named(given, back)
    if isinstance(given, list | tuple | deque):
        return _named(dict(enumerate(given)), dict(enumerate(back)))
    if isinstance(given, Set) and given == back:
        others = {one: one for one in back}
        return (("", one, others[one]) for one in given)  # without a name: a member's name would be its value
    return None


def _named(given: Mapping[Any, Any], back: Mapping[Any, Any]) -> Iterator[tuple[str, Any, Any]]:
    keys = {key: key for key in back}
    for key, value in given.items():
        # True and 1 are the same key in a dict, and two keys in JSON.
        kept = key in keys and (type(key) is type(keys[key]) or isinstance(key, str))
        if kept and not isinstance(key, str):
            yield str(key), key, keys[key]
        yield str(key), value, back[key] if kept else _Missing()
    for key in back:
        if key not in given:
            yield str(key), _Missing(), back[key]


def _fields(model: Any) -> dict[str, Any]:
    names = type(model).model_fields
    fields = {name: value for name, value in model.__dict__.items() if name in names}
    return {**fields, **(model.__pydantic_extra__ or {}), **(model.__pydantic_private__ or {})}


def _dataclass_fields(one: Any) -> dict[str, Any]:
    from dataclasses import fields  # already loaded by the code that made the class

    return {field.name: getattr(one, field.name, None) for field in fields(one)}
