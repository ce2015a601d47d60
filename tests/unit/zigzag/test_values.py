"""The values that users see: named fields, set once, equal only to their own type."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from zigzag import Backoff, Context
from zigzag.policy import Policy
from zigzag.values import Value

MADE: dict[str, Callable[[], Any]] = {
    "Backoff": lambda: Backoff(5, 50),
    "Policy": lambda: Policy(3, Backoff(5, 50), idempotent=True),
    "Context": lambda: Context("order-7", "take_order", 2, attributes={"shop": "A"}),
}

every_kind = pytest.mark.parametrize("kind", MADE)


def fields_of(value: Value) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__match_args__}


@every_kind
def test_a_value_made_by_position_equals_one_made_by_name(kind: str) -> None:
    value = MADE[kind]()
    named = fields_of(value)

    assert type(value)(*named.values()) == type(value)(**named) == value
    assert hash(MADE[kind]()) == hash(value)


def test_a_value_is_no_tuple() -> None:
    value = Backoff(5, 50)

    assert value != (5, 50)
    for use_as_a_tuple in (len, iter, lambda value: value[0]):
        with pytest.raises(TypeError):
            use_as_a_tuple(value)


def test_values_differ_if_a_field_or_their_type_does() -> None:
    class Slower(Backoff):
        """Says no more than its base."""

    assert Backoff(5, 50) != Backoff(5, 51)
    assert Slower(5, 50) == Slower(5, 50)
    assert Slower(5, 50) != Backoff(5, 50)


@every_kind
def test_a_field_cannot_be_set_again_or_taken_away(kind: str) -> None:
    value = MADE[kind]()

    for name in fields_of(value):
        with pytest.raises(AttributeError, match=f"a {kind} can't be changed; copy.replace makes another"):
            setattr(value, name, 1)
        with pytest.raises(AttributeError, match=f"a {kind} can't be changed"):
            delattr(value, name)
    assert value == MADE[kind]()


def test_a_value_takes_no_attribute_that_is_no_field() -> None:
    with pytest.raises(AttributeError, match="a Policy has no field 'atempts'"):
        Policy().atempts = 5  # type: ignore[attr-defined]


def test_a_value_shows_its_fields() -> None:
    policy = Policy(attempts=3, backoff=Backoff(first=5, longest=50))

    assert repr(policy) == (
        "Policy(attempts=3, backoff=Backoff(first=5, longest=50), idempotent=False, timeout=None, "
        "unavailable=(), on_failure='dead-letter', start_within=None, on_expiry='dead-letter', done=None)"
    )


@every_kind
def test_a_copy_is_equal_and_as_immutable(kind: str) -> None:
    value = MADE[kind]()

    for copied in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301 -- our own
        assert copied == value
        with pytest.raises(AttributeError, match="can't be changed"):
            setattr(copied, value.__match_args__[0], 1)


def test_replace_makes_another_value_and_leaves_the_first() -> None:
    first = Context(id="order-7", attempt=1)

    second = copy.replace(first, attempt=2)

    assert (first.attempt, second) == (1, Context(id="order-7", attempt=2))


def test_replace_checks_what_it_makes() -> None:
    with pytest.raises(ValueError, match="a backoff needs 0 < first <= longest, not 100 and 50"):
        copy.replace(Backoff(5, 50), first=100)


def test_replace_knows_no_other_fields() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'last'"):
        copy.replace(Backoff(), last=5)
