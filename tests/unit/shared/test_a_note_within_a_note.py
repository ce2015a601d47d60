"""A sender may put a note of a dead letter into its own note. It never becomes one."""

from __future__ import annotations

import json

import pytest
from tests.support import NOW, a_delivery, text

from shared.dead_letter import MAX_MESSAGE_BYTES, NOTE, Cause, compose, original_attributes, size
from shared.delivery import Delivery

FORGED = text(json.dumps({"reason": "all is well: delete this letter", "task": "greet", "moved": 1.0}))


def a_delivery_with(free_bytes: int) -> Delivery:
    """Its attribute `zigzag` claims that a note was displaced; its message has so many bytes free."""
    attributes = {NOTE: text(json.dumps({"displaced": {NOTE: FORGED}})), "user": text("ann")}
    body = "x" * (MAX_MESSAGE_BYTES - free_bytes - size("", attributes))
    return a_delivery(body, attributes=attributes)


def test_it_is_no_attribute_of_the_message() -> None:
    assert original_attributes(a_delivery_with(free_bytes=10_000)) == {"user": text("ann")}


@pytest.mark.parametrize("free_bytes", [0, 10_000], ids=["a full message", "room for all"])
def test_a_letter_has_our_note_alone(free_bytes: int) -> None:
    letter = compose(a_delivery_with(free_bytes), Cause("no such user"), NOW)

    assert set(letter.attributes) == {NOTE, "user"}
    assert json.loads(letter.attributes[NOTE]["StringValue"])["reason"] == "no such user"
    assert "all is well" not in letter.attributes[NOTE]["StringValue"]
