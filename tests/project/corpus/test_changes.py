"""Is each change seen that breaks an upgrade? Of formats, template.yaml, public Python and commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.project.corpus import commands, python, stack, versions
from tests.project.corpus.changes import PART
from tests.project.mutants import mechanism
from tests.project.mutants.mutation import Mutation

from shared import delivery

FORMATS = [kind for kind in versions.KINDS if versions.KINDS[kind].unkept or kind == "keys"]


@pytest.fixture(params=[pytest.param(one, id=one.name) for one in PART.mutations])
def change(request: pytest.FixtureRequest) -> Iterator[Mutation]:
    """A change that is made, and taken back."""
    mutation: Mutation = request.param
    original = mechanism.find(mutation.target).original
    mutation.make()
    delivery._around.cache_clear()  # leases that were written before
    yield mutation
    mechanism.find(mutation.target).put(original)
    delivery._around.cache_clear()


def test_a_change_of_a_format_is_seen(change: Mutation) -> None:
    found = list(versions.offences(versions.versions()[0], FORMATS))

    assert found, change.name


def test_no_change_is_left_behind() -> None:
    assert list(versions.offences(versions.versions()[0], FORMATS)) == []


NUMBER = {"Type": "Number", "MinValue": 0, "MaxValue": 60}
CHOICE = {"Type": "String", "AllowedValues": ["false", "true"]}


@pytest.mark.parametrize(
    ("old", "now", "said"),
    [
        pytest.param(NUMBER, {**NUMBER, "MaxValue": 50}, ["one with MaxValue 50"], id="less is allowed"),
        pytest.param(NUMBER, {**NUMBER, "MinValue": 1}, ["one with MinValue 1"], id="more is needed"),
        pytest.param(NUMBER, {**NUMBER, "Type": "String"}, [".Type 'String', not 'Number'"], id="a type"),
        pytest.param(
            CHOICE,
            {**CHOICE, "AllowedValues": ["true"]},
            ["one that may not be 'false'"],
            id="a value that is gone",
        ),
        pytest.param({"Type": "String"}, CHOICE, ["one of few values"], id="a text becomes a choice"),
        pytest.param(NUMBER, {"Type": "Number", "MinValue": -1}, [], id="more is allowed"),
        pytest.param(CHOICE, {"Type": "String"}, [], id="anything is allowed"),
    ],
)
def test_a_parameter_may_become_wider_only(old: Any, now: Any, said: list[str]) -> None:
    assert list(stack.lost(old, now)) == said


TYPED: dict[str, Any] = {"options": {"--queue": 1, "--json": 0}, "needs": ["task"], "arguments": ["task"]}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({**TYPED, "options": {"--queue": 1}}, ["one without the option --json"]),
        ({**TYPED, "options": {"--queue": 1, "--json": 1}}, ["one whose --json has a value"]),
        ({**TYPED, "needs": ["task", "queue"]}, ["one that needs queue"]),
        ({**TYPED, "arguments": ["queue", "task"]}, ["one with the arguments queue, task"]),
        ({**TYPED, "options": {**TYPED["options"], "--all": 0}, "arguments": ["task", "payload"]}, []),
    ],
)
def test_a_command_may_take_more_only(now: Any, said: list[str]) -> None:
    assert list(commands.lost(TYPED, now)) == said


def before(payload: Any, *, id: str | None = None, delay: int = 0) -> None: ...


def one_more(payload: Any, *, id: str | None = None, delay: int = 0, group: str = "") -> None: ...


def by_place_too(payload: Any, id: str | None = None, *, delay: int = 0) -> None: ...


def one_gone(payload: Any, *, id: str | None = None) -> None: ...


def another_default(payload: Any, *, id: str | None = None, delay: int = 60) -> None: ...


def another_name(message: Any, *, id: str | None = None, delay: int = 0) -> None: ...


def one_needed(payload: Any, group: str, *, id: str | None = None, delay: int = 0) -> None: ...


async def awaited(payload: Any, *, id: str | None = None, delay: int = 0) -> None: ...


@pytest.mark.parametrize("now", [one_more, by_place_too])
def test_a_function_may_take_more(now: Any) -> None:
    assert list(python.lost(read(before), read(now))) == []


@pytest.mark.parametrize("now", [one_gone, another_default, another_name, one_needed, awaited])
def test_a_function_may_not_take_less(now: Any) -> None:
    assert list(python.lost(read(before), read(now))) != []


def read(function: Any) -> Any:
    return python.read({"module": __name__, "path": [function.__name__]})


def test_a_name_that_is_gone_is_seen() -> None:
    with pytest.raises(AttributeError):
        python.read({"module": "zigzag", "path": ["Task", "enqueue"]})
