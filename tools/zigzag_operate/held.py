"""Finds whose data a message holds: of which task and id, with which payload.

A text may hold several: a letter of a done task has the messages that follow it, and an envelope of a foreign
sender's has another text in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.dead_letter import note_of
from shared.delivery import Delivery

_MAX_DEPTH = 12
"""How many texts within texts are read."""


class Held(NamedTuple):
    """A payload, with the task and the id that stand beside it. None is not there.

    payload -- an object; of a dead letter that was refused for it, perhaps a list.
    """

    task: str | None
    id: str | None
    payload: Any


@dataclass(frozen=True, slots=True)
class Whose:
    """Says whose data is meant: what fits all that is given.

    id    -- the task's id, or the message's MessageId, at first or now.
    where -- fields of the payload, such as customer.mail, each with its value as a text.
    task  -- the task's name.
    """

    id: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    task: str | None = None

    def fits(self, held: Held, ids: frozenset[str] = frozenset()) -> bool:
        """Tells whether that is meant. `ids` are those of the message around it."""
        return (
            self.task in (None, held.task)
            and (self.id is None or self.id == held.id or self.id in ids)
            and all(value in map(_text, _at(held.payload, field.split("."))) for field, value in self.where)
        )

    def may_be_in(self, text: str) -> bool:
        """Tells whether a text that can't be read as JSON has all that is given, somewhere."""
        given = [value for _, value in self.where] + ([self.id] if self.id is not None else [])
        return all(one in text or json.dumps(one)[1:-1] in text for one in given)


def held_in(text: str, task: str | None = None) -> list[Held]:
    """Returns all that a body holds; nothing if it can't be read.

    task -- the name in the attribute of a raw body.
    """
    try:
        return list(_in_text(text, task, 0))
    except RecursionError:
        return []


def ids_of(delivery: Delivery) -> frozenset[str]:
    """Returns the ids by which a message is known besides its body's: MessageIds, and the note's."""
    note = note_of(delivery)
    said = (delivery.message_id, note.get("message_id"), note.get("id"))
    return frozenset(one for one in said if isinstance(one, str))


def _in_text(text: str, task: str | None, depth: int) -> Iterator[Held]:
    try:
        value = json.loads(text)
    except ValueError:
        return
    if isinstance(value, dict) and not isinstance(value.get("payload"), dict):
        yield Held(task, _name(value, "id"), value)  # a raw body, or an envelope
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        yield Held(task, None, value)
    yield from _in_value(value, depth)


def _in_value(value: Any, depth: int) -> Iterator[Held]:
    if isinstance(value, dict):
        if isinstance(payload := value.get("payload"), dict | list):
            yield Held(_name(value, "task"), _name(value, "id"), payload)
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _in_value(one, depth)
    elif isinstance(value, str) and depth < _MAX_DEPTH and value.lstrip()[:1] in ("{", "["):
        yield from _in_text(value, None, depth + 1)


def _name(value: Mapping[str, Any], key: str) -> str | None:
    found = value.get(key)
    return found if isinstance(found, str) else None


def _at(value: Any, names: list[str]) -> Iterator[Any]:
    """Yields the values at a path. A list in it stands for each of its values."""
    if isinstance(value, list):
        for one in value:
            yield from _at(one, names)
    elif not names:
        yield value
    elif isinstance(value, dict) and names[0] in value:
        yield from _at(value[names[0]], names[1:])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
