"""`./zigzag schema`: a message fits it exactly if the worker takes it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field
from tests.support import a_delivery

from tasks import TASKS
from worker.decode import decode, payload_of
from zigzag import Task, send, task
from zigzag.body import BadMessageError


class Line(BaseModel):
    article: str = Field(min_length=1)
    number: Annotated[int, Field(gt=0)]


class Order(BaseModel):
    lines: list[Line] = Field(min_length=1)
    kind: Literal["new", "change"] = "new"
    due: date | None = None
    by: str = Field("shop", alias="from")


class Tree(BaseModel):
    name: str
    below: list[Tree] = []


def other_line() -> type[BaseModel]:
    class Line(BaseModel):
        text: str

    return Line


@task
def take(payload: Order) -> None:
    """Takes an order."""


@task
def grow(payload: Tree) -> None:
    pass


@task
def note(payload: dict[str, Any]) -> None:
    pass


def write(payload: Any) -> None:
    pass


write.__annotations__ = {"payload": other_line()}
OURS: dict[str, Task[Any, Any, Any]] = {one.name: one for one in (take, grow, note, task(write))}
LINE = {"article": "pear", "number": 1}
TREE = {"name": "a", "below": [{"name": "b", "below": []}]}


@pytest.fixture
def schema(monkeypatch: pytest.MonkeyPatch, zigzag: Any) -> Callable[..., Draft202012Validator]:
    for name in [*TASKS]:
        monkeypatch.delitem(TASKS, name)
    for name, one in OURS.items():
        monkeypatch.setitem(TASKS, name, one)

    def of(*named: str) -> Draft202012Validator:
        code, out, err = zigzag("schema", *named)
        assert (code, err) == (0, "")
        Draft202012Validator.check_schema(json.loads(out))
        return Draft202012Validator(json.loads(out))

    return of


@pytest.mark.parametrize(
    "message",
    [
        {"task": "take", "payload": {"lines": [LINE]}},
        {
            "task": "take",
            "payload": {"lines": [LINE], "kind": "change", "due": "2026-01-31", "from": "x"},
            "id": "7",
        },
        {"task": "take", "payload": {"lines": [LINE]}, "of": "another program"},
        {"task": "take", "payload": {"lines": []}},
        {"task": "take", "payload": {"lines": [{**LINE, "number": 0}]}},
        {"task": "take", "payload": {"lines": [{"text": "the other model of this name"}]}},
        {"task": "take", "payload": {"lines": [LINE], "kind": "old"}},
        {"task": "take", "payload": {"lines": [LINE]}, "id": ""},
        {"task": "take", "payload": {"lines": [LINE]}, "id": 7},
        {"task": "take"},
        {"task": "take", "payload": []},
        {"task": "grow", "payload": TREE},
        {"task": "grow", "payload": {"name": "a", "below": [{}]}},
        {"task": "note"},
        {"task": "note", "payload": {"any": [1, {}]}},
        {"task": "note", "payload": "text"},
        {"task": "write", "payload": {"text": "a"}},
        {"task": "nobody", "payload": {}},
        {"payload": {}},
    ],
    ids=json.dumps,
)
def test_a_message_fits_if_and_only_if_the_worker_takes_it(
    schema: Callable[..., Draft202012Validator], message: dict[str, Any]
) -> None:
    assert schema().is_valid(message) == taken(message)


def taken(message: dict[str, Any]) -> bool:
    try:
        found = decode(a_delivery(json.dumps(message)))
        if found.task not in OURS:
            return False
        payload_of(OURS[found.task], found)
    except BadMessageError:
        return False
    return True


def test_what_send_writes_fits_the_schema_of_its_task(schema: Callable[..., Draft202012Validator]) -> None:
    payload = take.check(Order.model_validate({"lines": [LINE], "due": "2026-01-31"}))

    body = json.loads(send.encode("take", payload, id="order-7"))

    schema("take").validate(body)
    assert not schema("grow").is_valid(body)


def test_without_a_task_no_message_fits(
    schema: Callable[..., Draft202012Validator], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS:
        monkeypatch.delitem(TASKS, name)

    assert not schema().is_valid({"task": "take", "payload": {"lines": [LINE]}})


def test_a_task_that_is_not_there_is_named(zigzag: Any) -> None:
    code, out, err = zigzag("schema", "nobody")

    assert (code, out) == (3, "")
    assert "nobody" in err


def test_a_payload_that_json_cant_describe_is_named(zigzag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Call(BaseModel):
        back: Callable[[], None]

    def ring(payload: Any) -> None:
        pass

    ring.__annotations__ = {"payload": Call}
    monkeypatch.setitem(TASKS, "ring", task(ring))

    code, _, err = zigzag("schema", "ring")

    assert code == 3
    assert "the payload of ring can't be described" in err


def test_a_number_that_json_has_not_is_left_out(zigzag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wait(BaseModel):
        most: float = Field(math.inf, le=math.inf)

    def wait(payload: Any) -> None:
        pass

    wait.__annotations__ = {"payload": Wait}
    monkeypatch.setitem(TASKS, "wait", task(wait))

    code, out, _ = zigzag("schema", "wait")

    assert code == 0
    found = json.loads(out, parse_constant=pytest.fail)["$defs"]["Wait"]
    assert found["properties"] == {"most": {"title": "Most", "type": "number"}}
